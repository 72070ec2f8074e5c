"""Set-up shared by all tests."""
import importlib.util, os
from pathlib import Path
import pytest, torch

ROOT = Path(__file__).resolve().parent.parent


def declare_torchvision_operators():
    """Let `import torchvision`, and with it `import lpips`, work beside a torch that was built without CUDA.

    The published torchvision links against CUDA, so its operator library does not load there, and the import fails with
    `operator torchvision::nms does not exist`: two functions want to describe operators that were never declared.
    Declaring their schemas is enough. Nothing here calls them. Beside a matching torch the library loads and this does nothing.
    """
    spec = importlib.util.find_spec('torchvision')
    if spec is None: return None
    for library in Path(spec.origin).parent.glob('_C.*'):
        try: return torch.ops.load_library(str(library))
        except OSError: pass
    lib = torch.library.Library('torchvision', 'DEF')
    lib.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    lib.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
    return lib                                               # the declarations live as long as this object


TORCHVISION_OPERATORS = declare_torchvision_operators()


@pytest.hookimpl(tryfirst=True)                              # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items):
    "With `-n 2 --dist loadgroup`: notebooks go to whoever is free, the tests of one file stay together and share what they prepare."
    for item in items:
        if item.path.name != 'test_notebooks.py': item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def no_display(monkeypatch): monkeypatch.setenv('MPLBACKEND', 'Agg')


@pytest.fixture
def root()->Path: return ROOT


@pytest.fixture
def env()->dict:
    "The environment of a subprocess that finds the package and the commands of this Python."
    import sys
    e = dict(os.environ)
    e['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), e.get('PATH', '')])
    e['PYTHONPATH'] = os.pathsep.join([str(ROOT), e.get('PYTHONPATH', '')]).rstrip(os.pathsep)
    return e
