"""The CUDA path, on a device that is not there: tests/cuda/device.py says how, tests/cuda/checks.py what is checked.

All checks run in one process of their own, because torch has to meet the device when it starts. Here each becomes a test. What
this cannot show: real kernels, speed and memory, several GPUs, and what pinned memory or streams do.
"""
import json, os, re, shutil, subprocess, sys
from pathlib import Path
import pytest

HERE = Path(__file__).parent/'cuda'
NAMES, SLOW = (re.findall(rf'^@{kind}\ndef (\w+)', (HERE/'checks.py').read_text(), re.M) for kind in ('check', 'slow_check'))
pytestmark = pytest.mark.skipif(not shutil.which('g++'), reason='needs g++, for the library that tells torch of a device')


def asked(*names)->dict:
    "Name of a check -> what it said."
    e = os.environ | dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1', MPLBACKEND='Agg')
    run = subprocess.run([sys.executable, HERE/'checks.py', *names], env=e, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr[-3000:]
    return {r['name']: r for r in map(json.loads, (l for l in run.stdout.splitlines() if l.startswith('{')))}


@pytest.fixture(scope='module')
def said(): return asked()

@pytest.fixture(scope='module')
def said_slowly(): return asked(*SLOW)


def test_all_checks_ran(said): assert list(said) == NAMES and len(NAMES) > 20


@pytest.mark.parametrize('name', NAMES)
def test_on_the_device(said, name): assert said[name]['ok'], said[name]['said']


@pytest.mark.slow
@pytest.mark.parametrize('name', SLOW)
def test_on_the_device_slowly(said_slowly, name): assert said_slowly[name]['ok'], said_slowly[name]['said']


def test_the_device_is_strict():
    "What a GPU refuses is refused, and what makes the host wait is counted; otherwise the checks above could not fail."
    code = f'''
import sys; sys.path.insert(0, {str(HERE)!r})
import device as D, torch
def refused(f, *kinds):
    try: f()
    except kinds: return True
with D.Cuda():
    a, b = torch.ones(3, device='cuda'), torch.ones(3)
    assert refused(lambda: a + b, D.Mixed) and refused(lambda: b[a.long()], D.Mixed) and refused(lambda: a.numpy(), TypeError)
    assert refused(lambda: torch.rand(3, device='cuda', generator=torch.Generator('cpu')), D.Mixed)
    waits = []
    for f in (lambda: a + a, lambda: a.sum().item(), lambda: a[a > 0], lambda: a.cpu(), lambda: b.to('cuda'), lambda: torch.linalg.inv(torch.eye(3, device='cuda')),
              lambda: b.pin_memory().to('cuda', non_blocking=True), lambda: a.reshape(3, 1)):
        D.reset_counts(); f(); waits.append(D.waits.total())
    assert waits == [0, 1, 1, 1, 1, 1, 0, 0] and D.launches.total() == 0, waits
    p = torch.nn.Linear(3, 1).to('cuda'); p(a).sum().backward(); assert p.weight.grad.device.type == 'cuda'
import os; sys.stdout.flush(); os._exit(0)      # the thread of the pretend device's backward pass may outlive the interpreter
'''
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True); assert run.returncode == 0, run.stderr[-2000:]
