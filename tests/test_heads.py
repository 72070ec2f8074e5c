"""Rendering heads and packing the head model: bad input is one line, and a job that was killed goes on. All on the toy."""
import json, os, signal, subprocess, sys, time
import numpy as np, pytest
from instant4d.teacher import heads
from instant4d.teacher.heads import RenderJob, make_heads
from instant4d.teacher.morphable import (
    load_head_model, load_pack, pack_facekit, toy_pack, unzigzag, write_pack)
from test_bad_input import refused

SMALL = dict(workers=1, expressions=1, views=1, size=32, toy=True)


@pytest.fixture(autouse=True)
def no_head_model(monkeypatch, tmp_path_factory):
    monkeypatch.delenv('INSTANT4D_FACEKIT', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
    monkeypatch.setenv('TQDM_DISABLE', '1')
    heads.studio.cache_clear()


def command(*args, **kw):
    return subprocess.run([sys.executable, '-m', 'instant4d', *map(str, args)], capture_output=True, text=True, **kw)


# --------------------------------------------------------------------------------------------------------- head model

def test_no_head_model(): refused(load_head_model, 'facekit', 'INSTANT4D_FACEKIT', kind=FileNotFoundError)


def test_variable_points_nowhere(monkeypatch):
    monkeypatch.setenv('INSTANT4D_FACEKIT', '/nowhere/x.npz')
    for toy in (False, True): refused(lambda: load_head_model(toy=toy), '/nowhere/x.npz', 'unset', kind=FileNotFoundError)


@pytest.mark.parametrize('damage', ['cut', 'empty', 'text', 'folder', 'part', 'missing'])
def test_damaged_pack(damage, tmp_path, monkeypatch):
    path = tmp_path/'pack.npz'
    pack = toy_pack()
    if damage == 'part': pack.pop('ex_hi')
    write_pack(path, pack)
    data = path.read_bytes()
    if damage == 'cut': path.write_bytes(data[:len(data)//2])
    if damage == 'empty': path.write_bytes(b'')
    if damage == 'text': path.write_text('no pack')
    if damage in ('folder', 'missing'): path.unlink()
    if damage == 'folder': path.mkdir()
    refused(lambda: load_pack(path), path, 'pack', folder=tmp_path)
    refused(lambda: load_head_model(path), path, folder=tmp_path)


def clone(folder):
    "A small folder as ICT-FaceKit has it, with the toy inside; returns its parts."
    pack = toy_pack()
    V = pack['neutral'].astype(float)
    def obj(name, V, more=''):
        (folder/f'{name}.obj').write_text(''.join('v %.6f %.6f %.6f\n' % tuple(v) for v in V) + more)
    faces = ''.join('f ' + ' '.join(f'{i+1}/{i+1}' for i in q if i >= 0) + '\n' for q in pack['quads'])
    obj('generic_neutral_mesh', V, ''.join('vt %.6f %.6f\n' % tuple(t) for t in pack['vt']) + faces)
    names = pack['expression_names'].tolist()
    for i, d in enumerate(unzigzag(pack['id_lo'], pack['id_hi'])): obj(f'identity{i:03d}', V + d)
    for name, d in zip(names, unzigzag(pack['ex_lo'], pack['ex_hi'])): obj(name, V + d)
    marks = pack['landmarks68'].tolist()
    (folder/'vertex_indices.json').write_text(json.dumps(dict(expressions=names, idx_to_landmark_verts=marks)))
    return {n:(*v, *f) for n, v, f in zip(*(pack[f'part_{k}'].tolist() for k in ('names', 'v', 'f')))}


@pytest.fixture(scope='module')
def kit(tmp_path_factory):
    folder = tmp_path_factory.mktemp('FaceXModel')
    return folder, clone(folder)


def test_packing(kit, tmp_path):
    a, b = (pack_facekit(kit[0], tmp_path/name, kit[1], modes=2) for name in ('a.npz', 'new/b.npz'))
    assert a == b and load_head_model(tmp_path/'a.npz').nv == load_head_model(toy=True).nv
    assert sorted(p.name for p in tmp_path.rglob('*')) == ['a.npz', 'b.npz', 'new']


SPOILED = {
    'no mesh':('generic_neutral_mesh.obj', None, ['missing', 'FaceXModel']),
    'no mode':('identity001.obj', None, ['identity001', 'missing']),
    'short mode':('jawOpen.obj', 'v 0 0 0\n', ['jawOpen', '1 vertices', 'expected']),
    'words':('jawOpen.obj', 'v a b c\n', ['jawOpen', 'OBJ']),
    'no index':('vertex_indices.json', None, ['vertex_indices.json']),
    'other index':('vertex_indices.json', '[1, 2]', ['vertex_indices.json']),
}

@pytest.mark.parametrize('case', SPOILED)
def test_spoiled_clone(case, tmp_path):
    parts = clone(tmp_path)
    name, text, words = SPOILED[case]
    (tmp_path/name).unlink() if text is None else (tmp_path/name).write_text(text)
    refused(lambda: pack_facekit(tmp_path, tmp_path/'x.npz', parts, modes=2), *words, folder=tmp_path)


def test_pack_cannot_be_written(kit, tmp_path):
    (tmp_path/'file').write_text('')
    refused(lambda: pack_facekit(kit[0], tmp_path/'file'/'x.npz', kit[1], modes=2), 'file', folder=tmp_path)


def test_facekit_command(tmp_path):
    run = command('facekit', tmp_path/'none')
    assert run.returncode == 2 and run.stderr.count('\n') == 1 and 'FaceXModel' in run.stderr


# -------------------------------------------------------------------------------------------------------------- heads

WRONG = {
    'identities':(dict(identities='8'), ["'8'", 'FROM:TO']),
    'backwards':(dict(identities='8:3'), ["'8:3'"]),
    'words':(dict(identities='a:b'), ["'a:b'"]),
    'negative':(dict(identities='-2:3'), ["'-2:3'"]),
    'both splits':(dict(identities='899990:900010'), ['900000', 'test']),
    'size 0':(dict(size=0), ['size', '0']),
    'size 9999':(dict(size=9999), ['size', '2048']),
    'size 9.5':(dict(size=9.5), ['size', '9.5']),
    'views 0':(dict(views=0), ['views', '0']),
    'expressions 100':(dict(expressions=100), ['expressions', '99']),
    'yaw nan':(dict(yaw=float('nan')), ['yaw', 'nan']),
    'pitch 80':(dict(pitch=80.), ['pitch', '60']),
    'per shard 0':(dict(per_shard=0), ['per_shard', '0']),
    'workers 0':(dict(workers=0), ['workers', '0']),
    'extra':(dict(extra=('dpeth',)), ["'dpeth'", 'depth']),
}

@pytest.mark.parametrize('case', WRONG)
def test_wrong_job(case, tmp_path):
    kw, words = WRONG[case]
    refused(lambda: make_heads(**{'identities':'0:1', 'out':tmp_path/'out', **SMALL, **kw}), *words, folder=tmp_path, kind=ValueError)


def test_without_model_nothing_is_made(tmp_path):
    refused(lambda: make_heads('0:1', tmp_path/'out', **SMALL | dict(toy=False)), 'facekit', folder=tmp_path)


def test_out_is_a_file(tmp_path):
    (tmp_path/'out').write_text('')
    refused(lambda: make_heads('0:1', tmp_path/'out', **SMALL), 'out', folder=tmp_path)
    refused(lambda: make_heads('0:1', tmp_path/'out'/'deeper', **SMALL), 'out', folder=tmp_path)


def test_disk_full(tmp_path, monkeypatch):
    def full(*args): raise OSError(28, os.strerror(28))
    monkeypatch.setattr(os, 'fsync', full)
    refused(lambda: make_heads('0:1', tmp_path, **SMALL), 'heads-000000.tar', 'full', folder=tmp_path)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "Two toy people in one shard."
    with pytest.MonkeyPatch.context() as m:
        m.delenv('INSTANT4D_FACEKIT', raising=False)
        m.setenv('XDG_CACHE_HOME', '/nowhere')
        return make_heads('0:2', tmp_path_factory.mktemp('made'), extra=('depth',), **SMALL | dict(expressions=2, views=2))[0]

SAME = SMALL | dict(expressions=2, views=2, extra=('depth',))


def test_kept_if_the_same(made):
    before = made.stat().st_mtime_ns
    assert make_heads('0:2', made.parent, **SAME) == [made] and made.stat().st_mtime_ns == before


OTHER = dict(size=dict(size=48), expressions=dict(expressions=1), views=dict(views=1), extra=dict(extra=()), film=dict(film=True), lopsided=dict(lopsided=True),
             angles=dict(yaw=30.), people=dict(per_shard=1))

@pytest.mark.parametrize('what', OTHER)
def test_other_job_stops(what, made):
    before = made.read_bytes()
    refused(lambda: make_heads('0:2', made.parent, **SAME | OTHER[what]), made, what, 'folder', folder=made.parent)
    assert made.read_bytes() == before


def test_more_people_of_a_started_shard_stop(made): refused(lambda: make_heads('0:9', made.parent, **SAME), '0:2', '0:9', folder=made.parent)


def test_other_version_stops(made, monkeypatch):
    monkeypatch.setattr(heads, 'RENDERER_VERSION', 1)
    refused(lambda: make_heads('0:2', made.parent, **SAME), made, 'version', '2', '1', folder=made.parent)


def test_real_and_toy_do_not_mix(made, monkeypatch):
    settings = heads.job_settings(RenderJob(2, 2, 32, extra=('depth',)), range(2))
    assert settings['toy'] and heads.shard_settings(made) == settings
    monkeypatch.setattr(heads, 'find_pack', lambda: made)
    refused(lambda: heads.is_done(made, range(2), RenderJob(2, 2, 32, extra=('depth',))), 'toy', folder=made.parent)


@pytest.mark.parametrize('damage', ['cut', 'empty', 'text', 'foreign'])
def test_damaged_shard_stops(damage, made, tmp_path):
    path = tmp_path/'heads-000000.tar'
    data = made.read_bytes()
    path.write_bytes(dict(cut=data[:len(data)//2], empty=b'', text=b'x'*2000, foreign=data.replace(b'"frames"', b'"fraems"'))[damage])
    refused(lambda: make_heads('0:2', tmp_path, **SAME), path, 'remove', folder=tmp_path)


@pytest.mark.slow
def test_killed_and_called_again(tmp_path, env):
    args = ['heads', '--identities', '0:3', '--per-shard', '1', '--expressions', '2', '--views', '2', '--size', '32', '--toy']
    whole, torn = tmp_path/'whole', tmp_path/'torn'
    env = env | dict(OMP_NUM_THREADS='1')
    for workers, out in (('1', whole), ('2', tmp_path/'two')):
        assert command(*args, '-o', out, '--workers', workers, env=env).returncode == 0
    run = subprocess.Popen([sys.executable, '-m', 'instant4d', *args, '-o', str(torn), '--workers', '1'], env=env, stderr=subprocess.DEVNULL)
    limit = time.time() + 60
    while not list(torn.glob('heads-*.tar')) and time.time() < limit and run.poll() is None: time.sleep(.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    there = sorted(torn.glob('heads-*.tar'))
    assert there and all(p.read_bytes() == (whole/p.name).read_bytes() for p in there)      # whole, or not there
    first = there[0].stat().st_mtime_ns
    again = command(*args, '-o', torn, '--workers', '1', env=env)
    assert again.returncode == 0 and '3 shards' in again.stdout and there[0].stat().st_mtime_ns == first
    for folder in (torn, tmp_path/'two'):
        for p in whole.glob('*.tar'): assert (folder/p.name).read_bytes() == p.read_bytes()


def test_stopped_by_hand(tmp_path, env):
    args = ['heads', '--identities', '0:200', '--per-shard', '1', '--size', '32', '--toy', '--workers', '1', '-o', str(tmp_path/'out')]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)       # a job in the background is started deaf to it
    run = subprocess.Popen([sys.executable, '-m', 'instant4d', *args], env=env, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    limit = time.time() + 60
    while not list(tmp_path.glob('out/heads-*.tar')) and time.time() < limit and run.poll() is None: time.sleep(.02)
    run.send_signal(signal.SIGINT)
    try: error = run.communicate(timeout=30)[1]
    finally: run.kill()
    assert run.returncode == 130 and 'Traceback' not in error and 'stopped' in error


def test_command(tmp_path):
    run = command('heads', '--size', '0', '-o', tmp_path/'out', '--toy')
    assert run.returncode == 2 and run.stderr.strip().startswith('instant4d: size = 0') and run.stderr.count('\n') == 1
    assert not (tmp_path/'out').exists()


def test_seed_and_expression_errors():
    refused(lambda: heads.sample_person(-1), '-1', kind=ValueError)
    head = heads.Head(heads.sample_person(1), heads.studio(64, toy=True))
    refused(lambda: head.express(dict(jawopen=.5)), "'jawopen'", kind=ValueError)
    refused(lambda: head.express(dict(jawOpen=1.5)), '1.5', kind=ValueError)
    refused(lambda: heads.render_head(head.express({}), heads.Camera.look(), 0), 'size 0', kind=ValueError)
    picture = heads.render_head(head.express({}), heads.Camera.look(), 24)
    assert picture.rgba.shape == (24,24,4) and (picture.label > 0).any() and np.isfinite(picture.depth).all()
