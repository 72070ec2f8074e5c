import os as _os

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


def __getattr__(name):
    "Load a public name on first use, so that `import instant4d` stays fast."
    if name not in _NAMES: raise AttributeError(f"module 'instant4d' has no attribute {name!r}; it offers {', '.join(__all__)}")
    from importlib import import_module
    return getattr(import_module('instant4d.' + _NAMES[name]), name)


def __dir__(): return sorted({*globals(), *__all__})
