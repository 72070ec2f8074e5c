"""Types of instant4d.model.avatar, for type checkers and editors."""
# Made by tools/stubs.py from the exported modules: do not edit.
import builtins
from typing import Any, overload
from typing_extensions import Self
from collections.abc import Iterator
import torch.nn as nn
from torch import Tensor
from jaxtyping import Float
from ..config import Config, ModelConfig
from ..splatting.gaussians import Antialiased
from ..splatting.cameras import Camera, Frame
from .decoding import GaussianDecoder
from .motion import MotionDecoder, deform
from instant4d.explore.driving import Driver
from instant4d.model.model import Square
from instant4d.model.photos import Framing
from instant4d.model.refining import FitWeights

class Avatar(nn.Module):
    "One person's Gaussians, ready to be driven and rendered; plays without E and M."
    gate: float
    cfg: Config
    points: Float[Tensor, 'N 3']
    feature: Float[Tensor, 'N 48']
    basis: Float[Tensor, 'N 48']
    code: Float[Tensor, '512']
    phi: GaussianDecoder
    psi: MotionDecoder
    def __init__(self,
        cfg:Config,                     # of the model that made it
        points:Float[Tensor,'N 3'],     # where features were read, world units
        feature:Float[Tensor,'N 48'],   # f
        basis:Float[Tensor,'N 48'],     # m
        code:Float[Tensor,'512'],       # M(I_s)
        phi:GaussianDecoder,            # features to Gaussians
        psi:MotionDecoder,              # bases and two codes to residuals
    )->None:
        ...
    @property
    def kind(self)->type:
        "The class of its Gaussians, which says how they are drawn."
        ...
    detail: Tensor|None
    framing: Framing
    report: dict[str, Any]
    driver: Driver|None
    reader: str|None
    short: bool
    # instant4d.model.avatar
    def deform(
        self,
        coef:Float[Tensor,'512']|None=None,  # motion code of the driving picture; None: the still head, eq. 1
    )->Antialiased:                     # N Gaussians, world units
        "Phi(f + Psi(m, M(I_s), M(I_d))), with gradients (eq. 2)."
        ...
    # instant4d.model.avatar
    def with_detail(
        self,
        detail:Float[Tensor,'N 48'],    # residual of the features
    )->Avatar:
        "The same avatar, with this detail."
        ...
    # instant4d.model.avatar
    def check_code(
        self,
        coef:Any,       # a motion code
    )->None:
        "One line for a motion code that does not fit."
        ...
    # instant4d.explore.driving
    def named(
        self,
        values:dict,                # as {'jawOpen': 1}; what is not named is 0
    )->Float[Tensor,'512']:
        "The code of named values."
        ...
    # instant4d.model.avatar
    def as_code(
        self,
        coef:Any,                       # a motion code, or a dict of named values
    )->Float[Tensor,'512']:         # where the avatar is, and in its precision
        "A motion code that fits, or one line."
        ...
    # instant4d.model.playing
    def drive(self, coef:Any, state:Any)->Antialiased:
        "The fastest way to this expression; `state` says whether what was folded still holds."
        ...
    # instant4d.model.avatar
    def expressed(
        self,
        coef:Any=None,      # motion code (512,), or a dict of named values; None: the still head
    )->Antialiased:     # a set of its own around tensors that are shared: do not write to them
        "The head with this expression; the last one is kept, so that a new view is cheap."
        ...
    # instant4d.model.avatar
    def gaussians(
        self,
        coef:Any=None,      # motion code (512,), or a dict of named values; None: the still head
    )->Antialiased:     # N Gaussians, world units
        "The head with this expression, None: still; a copy, and nothing done to it reaches the avatar."
        ...
    # instant4d.model.avatar
    def render(
        self,
        coef:Any=None,              # motion code (512,), or a dict as {'jawOpen': 1}; None: the still head
        camera:Camera|None=None,     # default: frontal; may be a batch of views
        size:Any=None,              # pixels: one number or (H,W); default: the preset's
        backend:str='auto',     # see `splat`
    )->Frame:                   # image (*V,H,W,3) on black, alpha, depth
        "A picture of the avatar with this expression from this camera."
        ...
    # instant4d.model.avatar
    def animate(
        self,
        coefs:Any,                  # motion codes or dicts of named values, one for each frame
        cameras:Camera|None=None,    # as many cameras (a batch); None: frontal
        size:Any=None,              # pixels
        progress:bool=False,    # show a bar
    )->Iterator[Frame]:         # a Frame for each code
        "Frames one after the other; nothing is kept."
        ...
    # instant4d.model.avatar
    def bases(
        self,
        camera:Camera|None=None,     # default: frontal
        size:Any=None,              # pixels; default: the preset's
    )->Frame:                   # image (*V,H,W,48)
        "Splat of the 48 motion basis channels over the still head (figure 5)."
        ...
    # instant4d.model.avatar
    def save(
        self,
        path:Any,                   # .safetensors
        half:bool=True,         # store 16-bit numbers
    )->None:
        "Write an avatar; it holds no encoder."
        ...
    # instant4d.model.avatar
    @classmethod
    def load(
        cls,
        path:Any,                   # what `save` wrote
    )->Avatar:                  # in evaluation mode, gradients off
        "Read an avatar; one line if the file is missing, damaged or something else."
        ...
    # instant4d.model.baking
    def bake(
        self,
        keep:float=.5,          # share of the Gaussians to keep
        coefs:Any=None,             # expressions it must be able to show; None: still and the source's own
        cameras:Camera|None=None,    # a batch of views it must bear; None: an orbit of six
        size:Any=None,              # pixels; default: the preset's
    )->Avatar:                  # its `report`: Gaussians kept; PSNR in dB to the whole, mean and worst
        "Keep the Gaussians that show in some expression and view."
        ...
    # instant4d.model.refining
    def refine(
        self,            # deformed in feature space
        photo:Float[Tensor,'H H 3'],    # the source, straightened; or (3,H,H); sRGB in 0..1
        camera:Camera|None=None,     # that took it; None: `Camera.look()`
        alpha:Float[Tensor,'H H']|None=None, # coverage of the head; None: all of it is head
        *, also:Any=...,             # more photographs of the person: (photo, camera, alpha, motion code)
        steps:int=50,           # of Adam, for each photograph
        lr:float=.04,
        weights:FitWeights=...,
        size:int=128,           # pixels a side of the side views
        progress:bool=False,    # show a bar
    )->Avatar:                  # a new one; its `report` holds the losses
        "Features of the Gaussians that show give way until the avatar's picture is the photograph."
        ...
    # instant4d.model.model
    def framed_by(self, s:Square|None=None)->Avatar:
        "The same avatar; if it was made from a photograph, its `framing` says where the camera was."
        ...
    # instant4d.explore.page
    def save_html(
        self,
        path:Any,                   # .html
        driver:Driver,          # names to codes of the same model, see `load_driver`
        *, codes:Any=None,          # a recorded face: motion codes, one for each frame; None: a `performance`
        fps:float=25.,          # of the recording
        second:Avatar|None=None,     # a head beside it, of the same model
        title:str='A head from one picture',
        purpose:str=...,    # one sentence below the title
    )->None:
        "Write a page that holds this head and moves it: one file, which loads nothing."
        ...

def make_decoders(
    m:ModelConfig,
)->tuple:           # Phi and Psi of these sizes
    "The two small networks an avatar keeps."
    ...
AT_ONCE: int

def fading(
    phi:GaussianDecoder,
    moved:Float[Tensor,'*B N 48'],  # Psi's residual
    gate:float,                     # the length, in Phi's hidden layer, at which half is left
)->Float[Tensor,'*B N 1']:          # 0..1
    "How much of an avatar's detail an expression leaves: all where it moves nothing (notebook 30)."
    ...

def tensor_state(
    module:nn.Module,
)->list:            # (address, number of changes) of each buffer and parameter
    "What changes whenever a tensor of the module is replaced or written to."
    ...

def same_code(coef:Any, last:Any)->Any:
    "Whether a motion code, or None, is the last one; on a GPU the same tensor, unchanged: nobody waits."
    ...

def check_rows(
    path:Any,           # what to call the file in an error
    t:dict,         # its tensors
    m:ModelConfig,
)->None:
    "One line for tensors of a wrong shape or type: kernels would read past their end."
    ...
