"""Types of instant4d.splatting.cameras, for type checkers and editors."""
# Made by tools/stubs.py from the exported modules: do not edit.
import builtins
from typing import Any, overload
from typing_extensions import Self
from dataclasses import dataclass
import numpy as np, torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor
from .gaussians import Gaussians
MM: float

def intrinsics(
    fov:Float[Tensor,'*B'],     # full angle of view, degrees
)->Float[Tensor,'*B 3 3']:      # K, as fractions of the picture
    "$(f,0,\\frac12),(0,f,\\frac12),(0,0,1)$ with $f = \\frac12/\\tan(fov/2)$."
    ...

def image_size(
    size:Any,       # pixels: one number for a square, or (H,W)
)->tuple:       # (H,W)
    "Read a picture size; a ValueError if it is empty."
    ...

def camera_axes(
    yaw:Float[Tensor,'*B'],     # degrees; above 0 towards the subject's left, +x
    pitch:Float[Tensor,'*B'],   # degrees; above 0 upwards
)->Float[Tensor,'*B 3 3']:      # columns: right, down, forward
    "Axes of a level camera that looks at the target from yaw and pitch."
    ...

def invert_rigid(
    m:Float[Tensor,'*B 4 4'],   # rotation and translation
)->Float[Tensor,'*B 4 4']:      # the motion back
    "Inverse of a rigid motion: $(R^T, -R^T t)$."
    ...

def shared_batch(
    m:Float[Tensor,'*B 4 4'],   # cam2world
    K:Float[Tensor,'*B 3 3'],   # intrinsics
)->torch.Size:                  # batch dimensions of both
    "What the batch dimensions of both broadcast to, or a one-line ValueError."
    ...

@dataclass(eq=False)
class Camera:
    "Pinhole cameras, any batch dimensions, OpenCV axes: x right, y down, z forward (Sec. 3)."
    cam2world:Float[Tensor,'*B 4 4']    # columns: the camera's axes and position, world units
    K:Float[Tensor,'*B 3 3']            # focal lengths and centre, as fractions of the picture
    def __post_init__(self)->None:
        ...
    @property
    def shape(self)->torch.Size:
        'Batch dimensions.'
        ...
    @property
    def device(self)->torch.device:
        'Where both matrices are.'
        ...
    @property
    def dtype(self)->torch.dtype:
        'Their float type.'
        ...
    @property
    def position(self)->Tensor:
        '(*B,3) in the world.'
        ...
    @property
    def world2cam(self)->Tensor:
        '(*B,4,4)'
        ...
    def map(self, f:Any)->Self:
        "Apply `f` to both."
        ...
    def to(self, *args:Any, **kw:Any)->Self:
        "As `Tensor.to`."
        ...
    def __getitem__(self, i:Any)->Self:
        ...
    @classmethod
    def stack(cls, cameras:Any)->Self:
        "Add a batch dimension in front."
        ...
    # instant4d.splatting.cameras
    def pixels(
        self,
        size:Any,                       # pixels: one number or (H,W)
    )->Float[Tensor,'*B 3 3']:      # K in pixels
        "K with its first row scaled by the width, its second by the height."
        ...
    # instant4d.splatting.cameras
    @classmethod
    def look(
        cls,
        yaw:Any=0.,                 # degrees; above 0 the camera is at the subject's left, +x
        pitch:Any=0.,               # degrees; above 0 the camera is higher
        *, fov:Any=12.,             # full angle of view, degrees
        distance:Any=None,          # to the target; None: where two units fill the picture
        target:Any=...,      # world point in the middle of the picture
        dtype:Any=..., device:Any=None,
    )->Camera:                  # batched if an argument is
        "A camera that looks at `target`; numbers, lists and tensors broadcast."
        ...
    # instant4d.splatting.cameras
    def project(
        self,                    # cameras *B
        points:Float[Tensor,'*B N 3'],  # world points; without batch they are shared
        size:Any,                           # pixels: one number or (H,W)
    )->tuple:                           # pixels (*B,N,2) and camera depths (*B,N)
        "Where each camera sees each point."
        ...
    # instant4d.splatting.cameras
    def check(
        self,    # the cameras to check
    )->Camera:          # the same cameras
        "Raise a one-line ValueError if a camera cannot take a picture."
        ...

def as_numbers(
    *xs:Any,                    # numbers, lists, tensors or None
    dtype:Any, device:Any=None,     # of the result
)->list:                    # tensors, and None where None was
    "Tensors of one type, on the device of the first tensor among them."
    ...

def check_view(**given:Any)->None:
    "Numbers of a view make sense; tensors elsewhere are not looked at, since that would make a GPU wait."
    ...

def front_camera(
    device:Any='cpu',       # where its matrices lie
)->Camera:              # always the same one: do not write to it
    "`Camera.look()`, made once for each device: a number that moves to a GPU makes the host wait."
    ...

def orbit(
    n:int,          # frames
    yaw:Any=25.,        # degrees to either side
    pitch:Any=8.,       # degrees up and down
    fov:Any=12.,        # degrees
)->Camera:          # batch of n
    "A smooth closed loop around the face: frame n would be frame 0 again."
    ...

def rays(
    camera:Camera,                          # cameras *B
    h:int,                                  # rows
    w:int,                                  # columns
    jitter:Float[Tensor,'*B hw 2']|None=None,    # moves (x,y) off the pixel centre, in pixels
)->tuple:                                   # origins and directions, both (*B,h*w,3)
    "Rays through the pixel centres, row by row; `origin + t*direction` has camera depth t."
    ...
EG3D_UNIT: float

def to_eg3d(
    camera:Camera,              # cameras in our unit
)->Float[Tensor,'*B 25']:       # cam2world and K, row by row, in EG3D's unit
    "The EG3D label of a camera; the angle of view is kept."
    ...

def from_eg3d(
    label:Float[Tensor,'*B 25'],    # EG3D camera label
)->Camera:                          # the same camera in our unit
    "The camera of an EG3D label."
    ...

@dataclass(eq=False)
class Frame:
    "What a splatter draws, with any leading batch dimensions."
    image:Float[Tensor,'*B H W C']      # blended colours on black
    alpha:Float[Tensor,'*B H W']        # coverage, 0..1
    depth:Float[Tensor,'*B H W']        # expected camera depth, world units; 0 where nothing is
    @property
    def shape(self)->torch.Size:
        'Batch dimensions.'
        ...
    @property
    def chw(self)->Tensor:
        '(*B,C,H,W), as networks want it.'
        ...
    def map(self, f:Any)->Self:
        "Apply `f` to all three."
        ...
    def to(self, *args:Any, **kw:Any)->Self:
        "As `Tensor.to`."
        ...
    def detach(self)->Self:
        "Cut off from gradients."
        ...
    def __getitem__(self, i:Any)->Self:
        ...
    @classmethod
    def stack(cls, frames:Any)->Self:
        "Add a batch dimension in front."
        ...
    # instant4d.splatting.cameras
    def numpy(
        self,
    )->UInt8[np.ndarray,'*B H W C']:
        "The pictures as bytes; what lies outside 0..1 is clipped."
        ...
    # instant4d.splatting.cameras
    def pil(
        self,     # one picture, no batch
    )->Image.Image:     # RGB
        "The picture as a PIL image."
        ...
    # instant4d.splatting.cameras
    def __repr__(self)->str:
        ...
    # instant4d.splatting.cameras
    def _repr_png_(self)->Any:
        "What a notebook shows: up to eight pictures in a row, and of features the line above."
        ...

def expand_views(
    g:Gaussians,    # scenes *S
    camera:Camera,  # views *S, or *S and more, or no batch dimension
)->tuple:           # batch shape of the output, scene of each view, flat scenes, flat cameras
    "Pair scenes with views: a flat list of jobs for any batch shapes."
    ...
