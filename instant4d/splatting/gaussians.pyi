"""Types of instant4d.splatting.gaussians, for type checkers and editors."""
# Made by tools/stubs.py from the exported modules: do not edit.
import builtins
from typing import Any, overload
from typing_extensions import Self
from dataclasses import dataclass
import torch
from torch import Tensor
from jaxtyping import Float

def quat_to_matrix(
    quats:Float[Tensor,'*B 4'],     # quaternions (w,x,y,z) of any length but zero
)->Float[Tensor,'*B 3 3']:          # rotation matrices
    "Rotation matrix of each quaternion, which is normalised first (R in eq. 6 of [32])."
    ...

def covariance(
    quats:Float[Tensor,'*B 4'],     # orientations (w,x,y,z)
    scales:Float[Tensor,'*B 3'],    # standard deviations along the own axes
)->Float[Tensor,'*B 3 3']:          # covariances, world units squared
    r"$\Sigma = R S S^T R^T$ (eq. 6 of [32])."
    ...

def index_batch(
    x:Tensor,           # (*B, ...) anything with leading batch dimensions
    shape:torch.Size,   # the batch dimensions *B
    i:Any,                  # any index of a tensor of that shape
)->Tensor:              # the chosen entries
    "Index the batch dimensions of `x` and nothing behind them."
    ...

@dataclass(eq=False)
class Gaussians:
    "N Gaussians in world units, with any leading batch dimensions (Sec. 3)."
    means:Float[Tensor,'*B N 3']      # centres
    quats:Float[Tensor,'*B N 4']      # orientations (w,x,y,z), any length but zero
    scales:Float[Tensor,'*B N 3']     # standard deviations along the own axes, above 0
    opacities:Float[Tensor,'*B N']    # 0..1
    colors:Float[Tensor,'*B N C']     # sRGB in 0..1, or C features of any range
    @property
    def shape(self)->torch.Size:
        'Batch dimensions.'
        ...
    @property
    def n(self)->int:
        'Gaussians in each set.'
        ...
    @property
    def device(self)->torch.device:
        'Where the tensors are.'
        ...
    @property
    def dtype(self)->torch.dtype:
        'Their float type.'
        ...
    antialiased: bool
    def map(self, f:Any)->Self:
        "Apply `f` to each tensor."
        ...
    def to(self, *args:Any, **kw:Any)->Self:
        "As `Tensor.to`."
        ...
    def shallow(self)->Self:
        "A set of its own around the same tensors."
        ...
    def detach(self)->Self:
        "Cut off from gradients."
        ...
    def float(self)->Self:
        "As float32."
        ...
    def __getitem__(self, i:Any)->Self:
        ...
    @classmethod
    def stack(cls, sets:Any)->Self:
        "Add a batch dimension in front."
        ...
    # instant4d.splatting.gaussians
    def check(
        self,
        numbers:bool=True,  # also NaN, scales, opacities and quaternions
    )->Gaussians:       # the same set
        "Raise a one-line ValueError if shapes, types or numbers cannot be drawn."
        ...
    # instant4d.splatting.ply
    def save_ply(
        self, # one set of three-channel Gaussians, y up
        path:Any,           # where to; a missing folder is made
        front:str='-z', # the way a face looks in the file; SuperSplat shows '+z' from the front
    )->None:
        "Write the PLY that splat viewers read: log scales, logit opacities, y down."
        ...
    # instant4d.splatting.ply
    @classmethod
    def load_ply(
        cls,
        path:Any,           # splats or a point cloud, y down
        front:str='-z', # as for `save_ply`
    )->Gaussians:       # one set of three-channel Gaussians, float32, y up
        "Read a PLY of any program; view-dependent colour (`f_rest_*`) is left out."
        ...
    # instant4d.splatting.spz
    def shown(
        self,     # one set
    )->Gaussians:           # those that some picture can show
        "Without the Gaussians whose opacity is below 1/255: no splatter draws them."
        ...
    # instant4d.splatting.spz
    def save_spz(
        self, # one set of three-channel Gaussians, y up
        path:Any,           # where to; a missing folder is made
    )->None:
        "Write SPZ version 3, y up: about a fifth of the PLY, rounded to what an eye can tell."
        ...

class Antialiased(Gaussians):
    "Gaussians that were fitted with antialiasing: `splat` draws them so."
    antialiased: bool

def fault(
    g:Gaussians,    # a set with tensors of the right shapes
)->Any:                  # a complaint, or None
    "What is wrong with the numbers of `g`, if anything."
    ...
