"Gaussians, cameras, and three ways to draw one with the other: in torch, with CPU kernels, with gsplat."
from . import ply, spz      # add Gaussians.save_ply, load_ply, shown and save_spz
