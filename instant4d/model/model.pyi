"""Types of instant4d.model.model, for type checkers and editors."""
# Made by tools/stubs.py from the exported modules: do not edit.
import builtins
from typing import Any, overload
from typing_extensions import Self
from typing import NamedTuple
import torch, torch.nn as nn
from torch import Tensor
from jaxtyping import Float
from ..config import Config, ModelConfig
from ..splatting.cameras import Camera
from .avatar import Avatar
from .photos import Framing
from instant4d.model.decoding import GaussianDecoder
from instant4d.model.motion import MotionDecoder

def wanted(
    net:nn.Module,      # a motion encoder
)->int:
    "Pixels a side of the portraits a motion encoder can use; 0: it does not say."
    ...

def make_motion(
    m:ModelConfig,
)->nn.Module:           # (B,3,H,W) in 0..1 to (B,code)
    "M as the configuration wants it."
    ...

class Instant4D(nn.Module):
    "E, M, Phi and Psi (figure 3)."
    cfg: Config
    motion_encoder: nn.Module
    def __init__(self,
        cfg:Config,                     # sizes of all four
        motion_encoder:nn.Module|None=None,  # any (B,3,H,W) -> (B,code) in place of the configured M
    )->None:
        ...
    @property
    def device(self)->torch.device:
        'Where the weights are.'
        ...
    def train(self, mode:Any=True)->Self:
        "Training mode for all but M, which stays frozen."
        ...
    encoder: nn.Module
    phi: GaussianDecoder
    psi: MotionDecoder
    about: dict[str, Any]
    # instant4d.model.model
    def points(
        self,
        planes:Float[Tensor,'*B 3 96 P P'],
        camera:Camera,              # (*B,...), whose rays carry the points
        generator:Any=None,             # random places, as in training; None: the usual ones
        as_inference:Any=None,          # which of the cameras take the usual places all the same
        *, rays:int|None=None,           # a side; None: the preset's
    )->Float[Tensor,'*B N 3']:      # world units
        "Two-pass samples for each scene (Sec. 4.1)."
        ...
    # instant4d.model.model
    def read(
        self,
        planes:Float[Tensor,'B 3 96 P P'],
        camera:Camera,              # (B,) or (B,T), whose rays carry the points
        generator:Any=None, as_inference:Any=None, rays:Any=None,   # see `points`
    )->tuple:   # points, features and bases, (*B,N,3) and twice (*B,N,48); for pixels T is 1, no matter the camera
        "What carries the Gaussians, and what the planes hold there."
        ...
    # instant4d.model.model
    def moved(self, planes:Any, x:Any, f:Any, m:Any, source:Any, driving:Any)->tuple:
        "Moving Gaussians, and the residual: eq. 2, which sees of the planes what was read at x."
        ...
    # instant4d.model.model
    def check_precision(self)->None:
        "One line for weights that are not in single precision."
        ...
    # instant4d.model.model
    def reader(self)->str:
        "Checksum of M, by which an avatar knows what its codes mean; computed once."
        ...
    # instant4d.model.model
    def motion(
        self,
        driving:Any,                # path, bytes of a file, PIL picture, uint8 or 0..1 array, or (3,H,W) tensor in 0..1
        crop:bool=True,         # find the face and straighten it; False: the picture as it is; tensors are taken as they are
    )->Float[Tensor,'512']:     # (n,512) for a list of n, or a batch (n,3,H,W)
        "M(I_d), the motion code of a picture, or of each in a batch."
        ...
    # instant4d.model.model
    def one_pass(
        self,
        x:Float[Tensor,'3 H W'],    # the portrait at the size of the preset, sRGB in 0..1
        code:Float[Tensor,'512'],   # M(I_s)
        rays:int|None=None,              # a side; None: the preset's; pixels have none
    )->Avatar:
        "E, then points from the frontal camera, once (Sec. 4.1)."
        ...
    # instant4d.model.model
    def encode_photo(
        self,
        source:Any,                     # path or PIL picture
        steps:int=50,               # of the fit
        *, also:Any=...,                 # more photographs of the same person: paths or PIL pictures
        face:int=0,                 # which of several faces
        progress:bool=False,        # show a bar
    )->Avatar:                      # its `framing` says where the camera was
        "The whole way from a photograph: camera, one pass, mask, fit."
        ...
    # instant4d.model.model
    @overload
    def encode(
        self,
        source:list[Any]|tuple[Any, ...],                 # path, bytes of a file, PIL picture, uint8 or 0..1 array, or (3,H,W) tensor in 0..1
        crop:bool=True,         # find the face and straighten it; False: the picture as it is; tensors are taken as they are
        *, refine:Any=False,        # True, or steps: fit the avatar to the picture (notebook 30)
        camera:Camera|None=None,     # with refine, of a tensor: what took it; None: frontal
        alpha:Any=None,             # with refine, of a tensor: coverage (H,W); None: all is head
        **how:Any,                  # with refine, of a photograph: also, face, progress; see `encode_photo`
    )->list[Avatar]:                  # a list of them for a list of portraits, or a batch (n,3,H,W)
        "One portrait becomes an avatar, by one pass of E (Sec. 4.1), or refined."
        ...
    @overload
    def encode(
        self,
        source:Any,                 # path, bytes of a file, PIL picture, uint8 or 0..1 array, or (3,H,W) tensor in 0..1
        crop:bool=True,         # find the face and straighten it; False: the picture as it is; tensors are taken as they are
        *, refine:Any=False,        # True, or steps: fit the avatar to the picture (notebook 30)
        camera:Camera|None=None,     # with refine, of a tensor: what took it; None: frontal
        alpha:Any=None,             # with refine, of a tensor: coverage (H,W); None: all is head
        **how:Any,                  # with refine, of a photograph: also, face, progress; see `encode_photo`
    )->Avatar:                  # a list of them for a list of portraits, or a batch (n,3,H,W)
        "One portrait becomes an avatar, by one pass of E (Sec. 4.1), or refined."
        ...
    # instant4d.model.model
    def save(
        self,
        path:Any,                   # .safetensors
        **about:Any,                # numbers and text to keep beside the weights
    )->None:
        "Write all weights in 8 bits, with the configuration and anything in `about`."
        ...

def batch_of(
    source:Any,         # one picture, a list of them, or four dimensions
)->tuple:           # are there several? all of them, in a list
    "One picture or several."
    ...
FINE_RAYS: int
FINE_SIDE: int

class Square(NamedTuple):
    "A photograph, straightened."
    framing:Framing             # where it was
    small:Float[Tensor,'3 h h'] # what E and M see
    large:Float[Tensor,'H H 3'] # what is fitted

def straightened(source:Any, size:int, net:Any=None, face:int=0)->Square:
    "Find the camera of a photograph and cut the square; a doubtful one brings a warning."
    ...

def mask_of(avatar:Avatar, s:Square, coef:Any=None)->Float[Tensor,'H H']:
    "Coverage of the head in a photograph, at the size of its larger copy."
    ...

def steps_of(refine:Any)->int:
    "Of a fit; 0 is none."
    ...

def check_options(photo:bool, steps:int, known:bool, how:dict)->None:
    "Options that would be ignored are refused."
    ...

def usable(
    device:Any,         # name of a device, or a device
)->torch.device:
    "The device, or one line where it cannot be used here."
    ...

def bare_model(path:Any, preset:Any, *rest:Any)->Instant4D:
    "What `new_model` makes, and a warning that says so."
    ...
BUNDLED: tuple[str, ...]

def load_model(
    path:Any=None,              # what `Instant4D.save` wrote, or laptop or pixels: of the package; None: pixels
    device:Any='cpu',
    motion_encoder:Any=None,    # in place of the configured M; see `Instant4D`
    *, preset:str|None=None,     # an untrained model of this preset instead, with a warning
)->Instant4D:               # in evaluation mode, gradients off
    "The trained model."
    ...

def new_model(
    preset:str='laptop',    # see `load_preset`
    device:Any='cpu',
    motion_encoder:Any=None,    # in place of the configured M; see `Instant4D`
)->Instant4D:               # in evaluation mode, gradients off
    "An **untrained** model of a preset."
    ...

def in_trunk(name:str)->bool:
    "Whether a parameter belongs to what late rivals share of E: all but its last layer."
    ...

def trunk_sum(model:Instant4D)->str:
    "Checksum of what late rivals share: the trunk, and M."
    ...

def load_late(
    name:str='spatial',     # feature or spatial: rivals that were trained alike
    path:Any=None,              # a file of your own; None: the one of the package
)->Instant4D:               # in evaluation mode, gradients off
    "A rival on the bundled trunk and M."
    ...
