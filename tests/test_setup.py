"""What an installation must be able to do."""
import subprocess, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ('config files images video threads patching cli splatting.gaussians splatting.ply splatting.cameras splatting.oracle splatting.kernels '
        'splatting.api model.triplanes model.decoding model.encoding model.motion model.fan model.dino model.avatar model.playing model.baking '
        'model.model data.shards data.people data.reenactment data.importing teacher.morphable teacher.rasterizing teacher.skins '
        'teacher.strands teacher.heads training.motion_encoder training.judges training.losses training.adversary training.optimisers '
        'training.checkpoints training.monitoring training.loop training.runs evaluation.metrics evaluation.adapters evaluation.report '
        'evaluation.rivals evaluation.bench explore.motion_bases explore.driving explore.widgets').split()
EXTRAS = 'fastcore nbdev jupyterlab ipywidgets plotly matplotlib lpips webdataset accelerate'.split()
BLOCK = "import sys\nfor m in {extras!r}: sys.modules[m] = None\nimport instant4d, {modules}"


def test_core_is_the_whole_package():
    "No module is left out of the list above."
    found = {'.'.join(p.relative_to(ROOT/'instant4d').with_suffix('').parts) for p in (ROOT/'instant4d').rglob('*.py')}
    assert {m for m in found if not m.rpartition('.')[2].startswith('_')} == set(CORE)


def test_core_needs_no_extra(env):
    "The core imports where the extras are not installed."
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
