"""A command that is stopped or killed leaves no process and no half of a file."""

import os, signal, subprocess, sys, threading, time
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
