import os as _os
from typing import TYPE_CHECKING as _TYPES

__version__ = "0.1.0"

# Before torch loads, unless you have chosen: threads that wait by spinning starve each other on a busy machine.
_os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

_WHERE = {
    'config': 'load_preset',
    'splatting.gaussians': 'Gaussians',
    'splatting.cameras': 'Camera Frame orbit',
    'splatting.api': 'splat',
    'model.avatar': 'Avatar',
    'model.model': 'Instant4D load_model new_model',
    'model.fan': 'load_xnemo',
    'model.dino': 'load_dino',
    'model.released': 'load_released',
    'explore.driving': 'load_driver read_arkit',
}
_NAMES = {name: module for module, names in _WHERE.items() for name in names.split()}
__all__ = sorted(_NAMES)

if _TYPES:      # what type checkers and editors read; tests/test_types.py holds it in step with the table above
    from .config import load_preset as load_preset
    from .explore.driving import load_driver as load_driver, read_arkit as read_arkit
    from .model.avatar import Avatar as Avatar
    from .model.dino import load_dino as load_dino
    from .model.fan import load_xnemo as load_xnemo
    from .model.model import Instant4D as Instant4D, load_model as load_model, new_model as new_model
    from .model.released import load_released as load_released
    from .splatting.api import splat as splat
    from .splatting.cameras import Camera as Camera, Frame as Frame, orbit as orbit
    from .splatting.gaussians import Gaussians as Gaussians

def __getattr__(name):
    "Load a public name on first use, so that `import instant4d` stays fast."
    if name not in _NAMES: raise AttributeError(f"module 'instant4d' has no attribute {name!r}; it offers {', '.join(__all__)}")
    from importlib import import_module
    if _NAMES[name].startswith('model.'): import_module('instant4d.explore')      # adds Avatar.named and Avatar.save_html
    return getattr(import_module('instant4d.' + _NAMES[name]), name)


def __dir__(): return sorted({*globals(), *__all__})
