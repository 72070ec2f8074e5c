"""Every notebook runs from its first cell to its last, and so do the solutions of its exercises; the longest ones in `make test-all`."""
import os, subprocess, sys
from pathlib import Path
import pytest

NBS = Path(__file__).resolve().parent.parent/'nbs'
# The longest ones outside the core path: make test-all runs them.
SLOW = set('''03_images 14_kernels 24_fan 25_dino 29_photos 31_model 40_morphable 43_strands 44_heads 50_motion_encoder
51_judges 52_losses 53_adversary 56_monitoring 57_loop 58_runs 59_framer 60_metrics 62_report 63_rivals
64_bench 65_budget 71_driving 72_widgets 80_claims 81_bottleneck 82_switches 83_refining 90_cli'''.split())
FLAGS = ['slow'] if os.environ.get('INSTANT4D_SLOW') else []


def cases():
    found = [p for p in sorted(NBS.rglob('*.ipynb')) if not p.name.startswith('_') and '.ipynb_checkpoints' not in p.parts]
    assert SLOW <= {p.stem for p in found}, 'a notebook that is listed as slow does not exist'
    return [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in found]


@pytest.mark.parametrize('path', cases())
def test_runs(path, env):
    command = [sys.executable, str(Path(__file__).with_name('run_notebook.py')), str(path), *FLAGS]
    run = subprocess.run(command, cwd=NBS.parent, env=env, capture_output=True, text=True, timeout=1200)
    assert run.returncode == 0, (run.stdout + run.stderr)[-6000:]
