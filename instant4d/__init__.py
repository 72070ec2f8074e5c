__version__ = "0.1.0"

_WHERE = dict(gaussians='Gaussians', cameras='Camera Frame orbit', splatting='splat', avatar='Instant4D Avatar load_model', config='load_preset', fan='load_xnemo', dino='load_dino', driving='load_driver read_arkit')
_NAMES = {name: module for module, names in _WHERE.items() for name in names.split()}
__all__ = sorted(_NAMES)


def __getattr__(name):
    "Load a public name on first use, so that `import instant4d` stays fast."
    if name not in _NAMES: raise AttributeError(f"module 'instant4d' has no attribute {name!r}; it offers {', '.join(__all__)}")
    from importlib import import_module
    return getattr(import_module('instant4d.' + _NAMES[name]), name)
