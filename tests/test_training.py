"""Training: what only processes can show. Killed runs go on bit by bit, two processes learn what one learns, nothing is lost."""
import os, random, shutil, signal, subprocess, sys, threading, time
from pathlib import Path
import pytest, torch

ROOT = Path(__file__).resolve().parent.parent
SHARD = ROOT/'data_samples'/'heads-train.tar'
TINY = 'train.steps=12 train.batch=2 train.render=32 model.rays=8 model.samples=4 train.warmup=2 train.w_adv=.01 train.adv_from=.5 train.w_perceptual=.05'.split()


@pytest.fixture
def command(env):
    def start(out, *more):
        args = [sys.executable, '-m', 'instant4d', 'train', '--preset', 'smoke', '--heads', str(SHARD), '--out', str(out), '--every', '2', *more, '--set', *TINY]
        return subprocess.Popen(args, cwd=ROOT, env=env | dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1'), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return start


def finish(p): out, err = p.communicate(timeout=300); assert p.returncode == 0, err[-2000:]; return out
def load(path): return torch.load(path/'last.pt', weights_only=True)

def same(a, b, at=''):
    if isinstance(a, torch.Tensor): assert torch.equal(a, b), at
    elif isinstance(a, dict): assert a.keys() == b.keys(), at; [same(a[k], b[k], f'{at}.{k}') for k in a]
    elif isinstance(a, (list, tuple)): assert len(a) == len(b), at; [same(x, y, f'{at}[{i}]') for i, (x, y) in enumerate(zip(a, b))]
    else: assert a == b, at


@pytest.mark.parametrize('kills', [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_runs_go_on_bit_by_bit(command, tmp_path, kills):
    "kill -9 at random moments: weights, average, optimisers, adversary, log and best score are those of an undisturbed run."
    t = time.time(); finish(command(tmp_path/'whole')); whole, rng, done = time.time() - t, random.Random(kills), 0
    for _ in range(10*kills):
        p = command(tmp_path/'killed', '--resume')
        if done == kills: finish(p); break
        wait = rng.uniform(.3, 1.)*whole
        try: p.communicate(timeout=wait)                                            # finished before it was to be killed: start over
        except subprocess.TimeoutExpired: p.kill(); p.communicate(); done += 1
        else: shutil.rmtree(tmp_path/'killed')
    assert done == kills; same(load(tmp_path/'whole'), load(tmp_path/'killed'))


@pytest.mark.parametrize('by', [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves(command, tmp_path, by):
    "Asked to stop, a run finishes its step, saves, says so, and ends well."
    p = command(tmp_path, '--set', 'train.steps=100000')
    while not (tmp_path/'last.pt').exists(): assert p.poll() is None, p.communicate()[1][-2000:]; time.sleep(.1)
    p.send_signal(by); assert 'go on with --resume' in finish(p); assert load(tmp_path)['step'] > 1


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full, a disk that is always full')
def test_full_disk_keeps_the_last_checkpoint(tmp_path):
    from instant4d.training.checkpoints import save_checkpoint
    save_checkpoint(tmp_path/'last.pt', dict(step=1)); os.symlink('/dev/full', tmp_path/f'.{os.getpid()}-{threading.get_native_id()}-last.pt')
    with pytest.raises(ValueError, match='No space left.*is intact'): save_checkpoint(tmp_path/'last.pt', dict(x=torch.ones(10**6)))
    assert load(tmp_path) == dict(step=1)


def test_one_run_at_a_time_in_a_folder(tmp_path):
    from instant4d.training.runs import claimed
    with claimed(tmp_path):
        (tmp_path/'running').write_text(str(os.getppid()))
        with pytest.raises(ValueError, match='is training here'), claimed(tmp_path): pass
    (tmp_path/'running').write_text('999999999')                                    # killed before it could tidy up
    with claimed(tmp_path): pass
    assert not (tmp_path/'running').exists()


@pytest.mark.parametrize('bad, says', [(['--every', '0'], 'every = 0'), (['--minutes', 'nan'], 'more than 0'), (['--minutes', '0'], 'more than 0'),
    (['--render', 'many'], 'name a folder'), (['--motion', 'nobody.pt'], 'no such file'), (['--set', 'model.code=256'], '--motion'), (['--set', 'train.w_depth=.1'], '--depth'),
    (['--set', 'train.seed=99999999'], 'less than'), (['--tracker', 'nothing'], 'nothing')])
def test_bad_options_are_one_line(tmp_path, capsys, bad, says):
    "Each before the first step, in one line, with nothing trained."
    from instant4d import cli
    args = ['train', '--preset', 'smoke', '--heads', str(SHARD), '--out', str(tmp_path/'run'), *bad]
    assert cli.main(args) == 2; err = capsys.readouterr().err
    assert says in err and err.count('\n') == 1, err
    assert not (tmp_path/'run'/'last.pt').exists()


TWO = '''
import sys, torch
from accelerate import debug_launcher
from instant4d.config import load_preset
from instant4d.data.people import Heads
from instant4d.training.loop import train
cfg = load_preset('smoke', train_steps=5, train_batch=4, train_render=32, model_rays=8, model_samples=4, train_warmup=2, train_w_detail=0., train_w_perceptual=.05)
def go(out): torch.set_num_threads(1); train(cfg, Heads(sys.argv[1]), out)
if __name__ == '__main__': debug_launcher(go, (sys.argv[2],), num_processes=int(sys.argv[3]))
'''

def test_two_processes_learn_what_one_learns(env, tmp_path):
    "Half a batch each, gradients averaged: the weights agree to 1e-5 after five steps. (The detail term is left out: its mask is normalised over a batch.)"
    (tmp_path/'two.py').write_text(TWO)
    for n in (1, 2):
        p = subprocess.run([sys.executable, str(tmp_path/'two.py'), str(SHARD), str(tmp_path/str(n)), str(n)], cwd=ROOT, env=env | dict(OMP_NUM_THREADS='1', TQDM_DISABLE='1'),
                           capture_output=True, text=True, timeout=300)
        assert p.returncode == 0, p.stderr[-3000:]
    a, b = (load(tmp_path/str(n))['state']['model'] for n in (1, 2)); start = fresh_model()
    moved = max((a[k] - start[k]).abs().max().item() for k in a if a[k].is_floating_point())
    apart = max((a[k] - b[k]).abs().max().item() for k in a if a[k].is_floating_point())
    assert apart < 1e-5 < 1e-3 < moved, (apart, moved)

def fresh_model():
    from instant4d.model.model import Instant4D
    from instant4d.config import load_preset
    cfg = load_preset('smoke', model_rays=8, model_samples=4); torch.manual_seed(cfg.train.seed); return Instant4D(cfg).state_dict()


@pytest.mark.parametrize('ranks', [1, 2, 4])
def test_no_sample_twice_in_an_epoch(ranks):
    from instant4d.data.people import Heads
    from instant4d.data.reenactment import Reenactment, Steps
    data = Reenactment(Heads(SHARD), seed=3); n = len(data)                          # 24 people, batches of 8: three steps
    seen = [data.plan(k)[0].person for r in range(ranks) for step in Steps(8, 6, 3, rank=r, ranks=ranks) for k in step]
    assert sorted(seen) == list(range(n))                                            # the second epoch: everyone once
    assert seen != [data.plan(k)[0].person for k in range(n)]


def test_heads_that_arrive_later_take_part(tmp_path):
    from instant4d.config import load_preset
    from instant4d.data.shards import pack
    from instant4d.training.loop import open_heads, train
    folder = tmp_path/'heads'; folder.mkdir(); shutil.copy(SHARD, folder/'a.tar'); sizes = []
    cfg = load_preset('smoke', train_steps=2, train_batch=2, train_render=32, model_rays=8, model_samples=4)
    def report(model, step, log): sizes.append(len(open_heads(folder))); (folder/'b.tar').exists() or take_some(SHARD, folder/'b.tar')
    train(cfg, folder, tmp_path/'out', every=1, report=report)
    assert sizes == [23, 23 + 4]

def take_some(shard, path):
    "Five people under new numbers; one of them ends in 19 and is kept aside."
    import io, json, tarfile
    with tarfile.open(shard) as a, tarfile.open(path, 'w') as b:
        for m in a:
            n = int(m.name[:6])
            if n < 15 or n > 19: continue
            data = a.extractfile(m).read(); m.name = f'{n+100:06d}' + m.name[6:]
            if m.name.endswith('.json'): p = json.loads(data); p['identity'] = n + 100; data = json.dumps(p).encode(); m.size = len(data)
            b.addfile(m, io.BytesIO(data))


@pytest.mark.parametrize('term', ['l1', 'perceptual'])
def test_nan_is_named_and_nothing_is_written(tmp_path, term, monkeypatch):
    from instant4d.training import loop, losses
    from instant4d.config import load_preset
    from instant4d.data.people import Heads
    cfg = load_preset('smoke', train_steps=2, train_batch=2, train_render=32, model_rays=8, model_samples=4, train_w_perceptual=1)
    nan = lambda self, frame, norms, offsets, batch, adv=None: (_ for _ in ()).throw(AssertionError)
    old = losses.picture_terms, losses.Losses.networks
    spoil = lambda f: lambda *a: {k: v*float('nan') if k == term else v for k, v in f(*a).items()}
    monkeypatch.setattr(losses, 'picture_terms', spoil(old[0])); monkeypatch.setattr(losses.Losses, 'networks', spoil(old[1]))
    with pytest.raises(ValueError, match=f'step 0: {term} is not finite'): loop.train(cfg, Heads(SHARD), tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_precision_wants_another_process():
    "accelerate keeps one precision for the life of a process; a notebook's reader gets one line about it."
    code = """if True:
        from instant4d import load_preset
        from instant4d.training.loop import accelerator
        accelerator(load_preset('smoke'))
        try: accelerator(load_preset('smoke', train_precision='bf16'))
        except ValueError as e: print(e)
        print(accelerator(load_preset('smoke')).mixed_precision)"""
    r = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert r.stdout.splitlines() == ['this process has trained in another precision before; restart it to train in bf16', 'no'], r.stderr


@pytest.mark.slow
def test_half_precision_stays_close(tmp_path):
    "bf16 is for the networks alone: after a few steps the loss is that of fp32 to a few per cent."
    script = '''
import sys
from instant4d.config import load_preset
from instant4d.data.people import Heads
from instant4d.training.loop import train
import torch
train(load_preset('smoke', train_steps=4, train_batch=2, train_render=32, model_rays=8, model_samples=4, train_precision=sys.argv[2]), Heads(sys.argv[1]), sys.argv[3])
'''
    for kind in ('fp32', 'bf16'): subprocess.run([sys.executable, '-c', script, str(SHARD), kind, str(tmp_path/kind)], cwd=ROOT, check=True, capture_output=True, timeout=300)
    a, b = ([r['total'] for r in load(tmp_path/k)['log']] for k in ('fp32', 'bf16')); assert a != b
    assert all(abs(x - y) < .05*x for x, y in zip(a, b)), (a, b)
