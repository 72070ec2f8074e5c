"""What an installation must be able to do."""
import subprocess, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = (p.relative_to(ROOT/'instant4d').with_suffix('').parts for p in (ROOT/'instant4d').rglob('*.py'))
CORE = sorted('.'.join(n) for n in NAMES if not n[-1].startswith('_'))          # every module of every sub-package
EXTRAS = 'fastcore nbdev jupyterlab ipywidgets plotly matplotlib lpips webdataset accelerate'.split()
BLOCK = "import sys\nfor m in {extras!r}: sys.modules[m] = None\nimport instant4d, {modules}"


def test_core_needs_no_extra(env):
    "The package imports where the extras are not installed, all of it."
    assert len(CORE) > 45 and {'cli', 'video', 'splatting.kernels', 'model.avatar', 'data.people', 'training.loop', 'explore.widgets'} <= set(CORE)
    code = BLOCK.format(extras=EXTRAS, modules=', '.join(f'instant4d.{m}' for m in CORE))
    run = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.filterwarnings('ignore')
def test_lpips_runs():
    "LPIPS imports and tells a picture from its mirror image (random weights: nothing is downloaded)."
    import torch
    lpips = pytest.importorskip('lpips')
    distance, x = lpips.LPIPS(net='alex', pnet_rand=True, verbose=False), torch.rand(1, 3, 64, 64)
    with torch.no_grad(): assert distance(x, x) < 1e-6 < distance(x, x.flip(-1))


def test_files_stay_together(request):
    "With `--dist loadgroup` the tests of one file go to one worker. If xdist does not see the marks of conftest.py, nothing else says so."
    if getattr(request.config.option, 'loadgroup', None) is not True: pytest.skip('only where several processes test')
    assert request.node.nodeid.endswith('@test_setup.py')
