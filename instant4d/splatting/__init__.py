"Gaussians, cameras, and three ways to draw one with the other: in torch, with CPU kernels, with gsplat."
from . import ply       # adds Gaussians.save_ply and load_ply
