"""A command that is stopped or killed leaves no process and no half of a file."""

import os, pickle, signal, subprocess, sys, threading, time
from pathlib import Path
import numpy as np
import pytest, torch
from instant4d.files import writing

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='signals of Unix')


def test_parts_of_the_dead_are_swept(tmp_path):
    "What a dead process left under a temporary name goes; what a living one writes stays."
    dead = subprocess.Popen([sys.executable, '-c', '']); dead.wait()
    (tmp_path/f'.{dead.pid}-1-a.txt').write_text('half'); (tmp_path/f'.{os.getppid()}-1-a.txt').write_text('half')
    with writing(tmp_path/'a.txt') as part: part.write_text('whole')
    assert sorted(p.name for p in tmp_path.iterdir()) == [f'.{os.getppid()}-1-a.txt', 'a.txt']

def test_threads_write_one_file(tmp_path):
    "The last one wins, and nobody stumbles."
    failed = []
    def go(n):
        try:
            for _ in range(50):
                with writing(tmp_path/'a.txt') as part: part.write_text(str(n)*1000)
        except Exception as e: failed.append(e)
    threads = [threading.Thread(target=go, args=(n,)) for n in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert not failed and len((tmp_path/'a.txt').read_text()) == 1000 and len(list(tmp_path.iterdir())) == 1


def children(pid)->list:
    said = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(pid)], capture_output=True, text=True).stdout
    return [int(p) for p in said.split()]

def alive(pid)->bool:
    try: os.kill(pid, 0)
    except ProcessLookupError: return False
    state = subprocess.run(['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and state[0] != 'Z'

@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists('/proc'), reason='asks ps of Linux')
@pytest.mark.parametrize('how', ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL'])
def test_heads(how, tmp_path):
    "Workers end with the command, however it ends; whole shards stay, halves go, or are swept by the next to write them."
    command = [sys.executable, '-m', 'instant4d', 'heads', '--identities', '0:400', '--per-shard', '200', '--toy', '--workers', '2', '-o', 'out']
    p = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    until = time.time() + 60
    while time.time() < until and len(workers := children(p.pid)) < 3: time.sleep(.2)        # with multiprocessing's own
    time.sleep(6)
    p.send_signal(getattr(signal, how)); said = p.communicate(timeout=30)[1]
    while time.time() < until and any(map(alive, workers)): time.sleep(.2)
    assert not any(map(alive, workers)) and 'Traceback' not in said
    if how != 'SIGKILL': assert p.returncode == 130 and not (tmp_path/'out').exists()


def test_a_fork_after_a_render_draws(tmp_path):
    "No thread of torch survives a fork: the child would wait for them without end."
    code = '''import os, torch; torch.set_num_threads(2)
from instant4d import Camera, splat; from instant4d.splatting.kernels import random_scene
draw = lambda: (torch.randn(400, 400) @ torch.randn(400, 400), splat(random_scene(500), Camera.look(), 64).image.sum().item())[1]
one = draw(); child = os.fork()
if not child: os._exit(0 if draw() == one else 3)
print(os.waitpid(child, 0)[1])'''
    done = subprocess.run([sys.executable, '-c', code], env=os.environ | dict(PYTHONPATH=str(Path(__file__).parents[1])), capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == '0', done.stderr


class Trap:
    def __reduce__(self): return eval, ("__import__('test_stopping').__dict__.__setitem__('SPRUNG', True)",)
SPRUNG = False

def test_nothing_unpickles(tmp_path):
    "Whoever wrote a pickle decides what is called when it is opened: no reader opens one."
    from instant4d import Avatar, load_dino, load_driver, load_model, load_released, load_xnemo
    from instant4d.model.photos import load_framer
    from instant4d.teacher.morphable import load_head_model
    from instant4d.training.checkpoints import load_plain
    readers = Avatar.load, load_model, load_dino, load_released, load_xnemo, load_framer, load_head_model, load_plain
    for name, write in dict(a=lambda p: p.write_bytes(pickle.dumps(Trap())), b=lambda p: torch.save(Trap(), p), c=lambda p: np.savez(open(p, 'wb'), x=np.array([Trap()], object))).items():
        path = tmp_path/name/'ckpt.pth'; path.parent.mkdir(); write(path)
        for read in readers:
            with pytest.raises((ValueError, FileNotFoundError)): read(path)
    assert not SPRUNG

def test_nothing_is_asked_of_the_outside(tmp_path, monkeypatch):
    "An avatar, a driver, a page, a shard and a name that is an address, without a connection."
    import socket
    from instant4d import load_driver, load_model
    from instant4d.data.people import Heads
    from instant4d.video import read_video
    def never(*args, **kw): raise AssertionError(f'asked for {args}')
    for name in ('getaddrinfo', 'create_connection'): monkeypatch.setattr(socket, name, never)
    monkeypatch.setattr(socket.socket, 'connect', never)
    root = Path(__file__).parents[1]; model = load_model(); a = model.encode(root/'data_samples'/'portraits'/'head-900003.webp', crop=False)
    a.save_html(tmp_path/'a.html', load_driver(model)); a.save(tmp_path/'a.safetensors'); Heads(root/'data_samples'/'heads-train.tar').rgba(0, 0)
    for f in (model.encode, read_video, load_model, Heads):
        with pytest.raises((ValueError, FileNotFoundError)): f('http://127.0.0.1:9/a.mp4')

def test_an_avatar_is_not_erased():
    from instant4d import load_preset
    from instant4d.evaluation.bench import stand_in
    a = stand_in(load_preset('smoke')); before = a.render().image.clone()
    a.gaussians().means.zero_(); assert torch.equal(a.render().image, before)


@pytest.mark.parametrize('command', [['data', 'import', 'in', '-o', 'out'], ['train', '--preset', 'smoke', '--heads', 'h', '--out', 'run'], ['evaluate', '--out', 'eval'], ['heads', '-o', 'heads'], ['animate', 'me.png', 'me.png', '-o', 'a.mp4']], ids=lambda c: c[0])
def test_ctrl_c(command, tmp_path, monkeypatch, capsys):
    "Wherever it comes, also while modules load: one line, exit code 130, no empty folder."
    from instant4d import cli
    monkeypatch.chdir(tmp_path)
    def stopped(*args, out=None, **kw):
        if out: Path(out).mkdir(parents=True)
        raise KeyboardInterrupt
    run, *rest = cli.COMMANDS[command[0]]; monkeypatch.setitem(cli.COMMANDS, command[0], (stopped, *rest))
    assert cli.main(command) == 130 and capsys.readouterr().err.count('\n') == 1 and not list(tmp_path.iterdir())
