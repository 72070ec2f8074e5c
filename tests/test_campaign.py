"""Some hundreds of odd inputs to commands and public calls, made here: each gets its one line or its right answer, and nothing is left behind.

`python tests/test_campaign.py [KIND ...]` counts them by kind, for any version of the package that PYTHONPATH names."""

import contextlib, functools, io, json, os, signal, sys, tarfile, time, warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest, torch
from PIL import Image
from instant4d import Avatar, Camera, Gaussians, cli, load_dino, load_driver, load_model, load_preset, load_released, load_xnemo, new_model, orbit, read_arkit, splat
from instant4d.data.shards import encode_rgba, pack, tar_index
from instant4d.images import as_pixels, load_portrait, save_image
from instant4d.splatting.kernels import random_scene

ROOT, NAN, INF = Path(__file__).resolve().parents[1], float('nan'), float('inf')
G, LOOK, ODD = random_scene(20), Camera.look(), {}
ONE_LINE = (ValueError, FileNotFoundError)

def add(kind, name, call, fine=False):
    "An input: a function of a folder; `fine`: it should work."
    ODD.setdefault(kind, []).append((name, call, fine))

class Late(BaseException): "Nothing has come back."

def said(code, text):
    "What a command answers."
    lines = [l for l in text.replace('\r', '\n').splitlines() if l.strip() and not l.startswith(('check:', 'import:', 'refine:', 'train:', '  '))]
    if code == 0: return 'silent'
    return 'line' if code in (1, 2) and (code == 1 or len(lines) == 1 and lines[0].startswith('instant4d') and len(lines[0]) < 1200) else f'raw: {code} {lines}'

def command(*argv):
    "A command in this process, as `outcome` wants it."
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try: code = cli.main([*map(str, argv)])
        except SystemExit as e: code = e.code
    if (how := said(code, err.getvalue())) == 'silent': return out.getvalue()
    raise ValueError('a line') if how == 'line' else RuntimeError(how)

def outcome(call, fine, here)->str:
    "right, line, silent, raw, hang or leftover."
    before = sorted(str(p) for p in here.rglob('*'))
    def late(*_): raise Late
    old = signal.signal(signal.SIGALRM, late); signal.alarm(20)
    try:
        with warnings.catch_warnings(): warnings.simplefilter('ignore'); call(here)
        how = 'right' if fine else 'silent'
    except Late: how = 'hang'
    except Exception as e:
        one = isinstance(e, ONE_LINE) or type(e).__name__ == 'TraitError'
        how = f'raw: {type(e).__name__} {str(e)[:200]}' if not one or '\n' in str(e) or len(str(e)) > 1200 or fine else 'line'
    finally: signal.alarm(0); signal.signal(signal.SIGALRM, old)
    if not fine and sorted(str(p) for p in here.rglob('*')) != before: return 'leftover'
    return how


# ---------------------------------------------------------------------------------------------- labels of heads in a shard

@functools.cache
def person()->tuple:
    "Number, JSON and files of one bundled head, with a single frame."
    path = ROOT/'data_samples'/'heads-train.tar'; index, data = tar_index(path), path.read_bytes()
    who = min(n for n in index.files if n.endswith('.json'))[:6]
    files = {n:data[a:a+s] for n, (a, s) in index.files.items() if n.startswith(f'{who}.e00v00')}
    a, s = index.files[f'{who}.json']; p = json.loads(data[a:a+s]); p['frames'] = p['frames'][:1]
    return who, p, files

def checked(here, change=None, name=None, **pictures):
    "`data check` of a shard with something changed."
    who, p, files = person(); p = json.loads(json.dumps(p))
    text = change(p) if change else None
    data = {f'{who}.json': text if isinstance(text, bytes) else json.dumps(p).encode(), **files}
    for k, v in pictures.items(): data[next(n for n in files if k in n)] = v
    with folder() as d:
        (d/'a.tar').write_bytes(pack({n.replace(who, name or who): v for n, v in data.items()}.items())); command('data', 'check', d/'a.tar')

@contextlib.contextmanager
def folder():
    import tempfile
    with tempfile.TemporaryDirectory() as d: yield Path(d)

def in_frame(**kw): return lambda p: p['frames'][0].update(kw)
def in_person(**kw): return lambda p: p.update(kw)
def camera_of(f): return lambda p: p['frames'][0].update(cam2world=f(np.array(p['frames'][0]['cam2world'])).tolist())

LABELS = dict(zero=camera_of(lambda c: 0*c), mirror=camera_of(lambda c: c @ np.diag([-1, 1, 1, 1])), scale=camera_of(lambda c: c @ np.diag([2, 2, 2, 1])), skew=camera_of(lambda c: c + np.eye(4, k=1)*.2),
              huge=camera_of(lambda c: 1e300*c), flat=camera_of(lambda c: c.reshape(1, 16)), row=camera_of(lambda c: c*np.array([[1], [1], [1], [2]])))
LABELS |= {f'K {n}':in_frame(K=k) for n, k in dict(zero=[[0]*3]*3, pixels=[[600, 0, 64], [0, 600, 64], [0, 0, 1]], none=None, words=[['a']*3]*3).items()}
LABELS |= {f'expression {n}':in_frame(expression=e) for n, e in dict(nan=[NAN]*53, huge=[1e300]*53, words=['a']*53, truth=[True]*53, short=[0.], table={'a':1}).items()}
LABELS |= {f'names {n}':in_person(names=v) for n, v in dict(numbers=[*range(53)], twice=['a']*53, word='a'*53, none=None, empty=['']*53).items()}
LABELS |= {f'{k} {v}':in_person(**{k:v}) for k, vs in dict(size=(0, -1, True, 10**9, '128', None, 1.5), identity=(-5, True, '3', 10**7), version=(-1, True, 'x', 10**9), frames=([], {}, [None], None, 3)).items() for v in vs}
LABELS |= {f'{k} {str(v)[:9]}':in_frame(**{k:v}) for k, vs in dict(yaw=(1e300, None, 'x', NAN), pitch=(-1e300,), shared=('x', 1.5), key=(3, None, 'e0v0', ''), landmarks=([[1, 2]], 'x', [1]), landmarks2d=([[1e300, 2]], [[NAN, 0]])).items() for v in vs}
LABELS |= {f'json {n}':(lambda b: lambda p: b)(b) for n, b in dict(list=b'[]', deep=b'['*100_000, bytes=b'\xff\xfe', empty=b'', cut=b'{"a":').items()}
for n, f in LABELS.items(): add('labels', n, lambda here, f=f: checked(here, f))
for n in ('²²²²²²', '12', 'abc'): add('labels', f'file {n}', lambda here, n=n: checked(here, name=n))
for n, v in dict(truth=1., large=5.).items(): add('labels', f'good {n}', lambda here, v=v: checked(here, in_frame(expression=[v]*53)), fine=True)

def png(x): b = io.BytesIO(); Image.fromarray(x).save(b, 'PNG'); return b.getvalue()
GREY4 = np.full((128, 128, 4), 128, np.uint8)
WHITE = GREY4.copy(); WHITE[..., :3] = 255
PICTURES = dict(unpremultiplied=dict(rgba=encode_rgba(WHITE)), nothing=dict(rgba=encode_rgba(0*GREY4)), large=dict(rgba=png(np.zeros((256, 256, 4), np.uint8))), text=dict(rgba=b'x'), empty=dict(rgba=b''), label=dict(label=png(GREY4[..., :3])),
                region=dict(label=png(np.full((128, 128), 77, np.uint8))), cut=dict(label=png(np.ones((128, 128), np.uint8))[:60]))
for n, kw in PICTURES.items(): add('labels', n, lambda here, kw=kw: checked(here, **kw))

def linked(kind):
    "A shard whose picture is a link out of it."
    def go(here):
        who, p, files = person(); b = io.BytesIO()
        with tarfile.open(fileobj=b, mode='w') as t:
            for name, data in {f'{who}.json': json.dumps(p).encode(), **files}.items():
                i = tarfile.TarInfo(name)
                if 'rgba' in name: i.type, i.linkname = kind, '/etc/hostname'; t.addfile(i)
                else: i.size = len(data); t.addfile(i, io.BytesIO(data))
        with folder() as d: (d/'a.tar').write_bytes(b.getvalue()); command('data', 'check', d/'a.tar')
    return go
for n, k in dict(symbolic=tarfile.SYMTYPE, hard=tarfile.LNKTYPE, device=tarfile.CHRTYPE, pipe=tarfile.FIFOTYPE, directory=tarfile.DIRTYPE).items(): add('labels', f'link {n}', linked(k))


# ------------------------------------------------------------------------------------------------ pictures that are imported

def draw(path, size=(32, 32), mode='RGBA', v=128):
    path.parent.mkdir(parents=True, exist_ok=True); Image.new(mode, size, (v,)*len(mode) if mode in ('RGB', 'RGBA') else v).save(path)

def imported(make, *more, told=''):
    "`data import` of a folder with something odd in it; it is said, or refused."
    def go(here):
        with folder() as d:
            draw(d/'in'/'ada'/'neutral.png'); make(d/'in'/'ada'); text = command('data', 'import', d/'in', '-o', d/'out', '--no-crop', '--size', '32', *more)
            if 'skipped /' in text and told in text: raise ValueError('a line')
    return go

def with_json(x): return lambda d: (d/'neutral.json').write_text(x if isinstance(x, str) else json.dumps(x))
for n, x in dict(cut='{', list='[]', deep='['*100_000, words=dict(expression=[1, 2]), nan='{"expression":{"a":NaN}}', huge=dict(expression=dict(a=1e300)), text=dict(expression=dict(a='x')), truth=dict(expression=dict(a=True)), misspelt=dict(exprssion=dict(a=1)),
                 zero=dict(cam2world=[[0.]*4]*4, K=[[1, 0, .5], [0, 1, .5], [0, 0, 1]]), mirror=dict(cam2world=np.diag([-1., 1, 1, 1]).tolist(), K=[[1, 0, .5], [0, 1, .5], [0, 0, 1]]), far=dict(camera=[1e300]*25), word=dict(camera='x'), three=dict(camera=[1, 2, 3]),
                 half=dict(cam2world=np.eye(4).tolist()), both=dict(camera=[0]*25, K=[1]), none=dict(camera=None)).items(): add('import', f'json {n}', imported(with_json(x)))
def hundred(d):
    for k in range(101): draw(d/f'x{k}.png', (16, 16))
IMPORTS = {'too many':hundred, 'small label':lambda d: draw(d/'neutral.label.png', (16, 16), 'L', 1), 'colour label':lambda d: draw(d/'neutral.label.png', mode='RGB'), 'high label':lambda d: draw(d/'neutral.label.png', mode='L', v=77), 'small alpha':lambda d: draw(d/'neutral.alpha.png', (16, 16), 'L'),
           'bmp':lambda d: draw(d/'smile.bmp', mode='RGB'), 'loose':lambda d: draw(d.parent/'smile.png'), 'deep':lambda d: draw(d/'b'/'smile.png'), 'dots':lambda d: draw(d/'smile.big.png'), 'side':lambda d: draw(d/'neutral.view3.png'), 'twice':lambda d: draw(d/'neutral.jpg', mode='RGB'),
           'cut':lambda d: (draw(d/'s.png', (64, 64)), (d/'s.png').write_bytes((d/'s.png').read_bytes()[:60])), 'folder':lambda d: (d/'s.png').mkdir(), 'pipe':lambda d: os.mkfifo(d/'s.png'), 'json pipe':lambda d: os.mkfifo(d/'neutral.json'), 'tiny':lambda d: draw(d/'s.png', (4, 4)), 'empty':lambda d: (d/'s.png').write_text('')}
for n, f in IMPORTS.items(): add('import', n, imported(f))
for flag, v in (('--first', '950000'), ('--first', '-1'), ('--size', '0'), ('--size', '100000'), ('--per-shard', '0'), ('--size', 'x')): add('import', f'{flag} {v}', imported(lambda d: None, flag, v))


# ----------------------------------------------------------------------------------------------------------- runs that go on

def curve(text):
    def go(here):
        from instant4d.training.runs import Report
        with folder() as d:
            (d/'curve.json').write_bytes(text if isinstance(text, bytes) else text.encode()); r = Report.__new__(Report); r.out = d
            assert all(isinstance(row[0] < 3, bool) for row in r.before()) and isinstance(r.before(), list)
    return go
for n, t in dict(null='null', number='3', table='{}', words='["a"]', word='[["a",1,2,3,4]]', none='[null]', deep='['*100_000, bytes=b'\xff\xfe', empty='', cut='[[1, 2', inner='[[[1]]]', hole='[[]]', truth='[[true]]').items(): add('runs', f'curve {n}', curve(t))
add('runs', 'a curve', curve('[[2, 0.6, 9.9, 10.0, 10.8]]'), fine=True)

def checkpoint(**change):
    "`load_checkpoint` of one with something changed."
    def go(here):
        from instant4d.training.checkpoints import load_checkpoint
        from instant4d.config import as_dict
        cfg = load_preset('smoke'); c = dict(config=as_dict(cfg), state={}, step=2, log=[dict(step=0, total=.5)], best=1., told=True) | change
        with folder() as d:
            torch.save({k:v for k, v in c.items() if v != 'GONE'}, d/'last.pt'); step, log, best, told = load_checkpoint(d/'last.pt', SimpleNamespace(cfg=cfg, load=lambda s: s['x'] if 'x' in s else None))
            assert type(step) is int and log[-1]['total'] and best > 0 and step >= 0
    return go
for k, vs in dict(step=('x', -3, 1.5, None, True, [], 'GONE'), log=(None, 'abc', [dict(x=1)], [3], {}, 'GONE'), best=(None, 'x', NAN, [], 'GONE'), config=(3, dict(model={}, train={}), None, 'GONE'), state=(None, 'GONE')).items():
    for v in vs: add('runs', f'{k} {v}', checkpoint(**{k:v}))
add('runs', 'a checkpoint', checkpoint(), fine=True); add('runs', 'untold', checkpoint(told='GONE'), fine=True)

def running(text, age=0):
    "`claimed` beside a file that names a process."
    def go(here):
        from instant4d.training.runs import claimed
        with folder() as d:
            (d/'running').write_bytes(text.encode('utf-8', 'surrogateescape')); os.utime(d/'running', (time.time() - age,)*2)
            with claimed(d): pass
    return go
for n, t in dict(dead='4194000', words='hello', bytes='\udcff', endless='9'*30, zero='0', raised='²', empty='', minus='-1').items(): add('runs', f'running {n}', running(t), fine=True)
add('runs', 'running reused', running(str(os.getppid()), age=10**9), fine=True); add('runs', 'running now', running(str(os.getppid())))


# ----------------------------------------------------------------------------------------------------- cameras, Gaussians, splat

I4, K3 = torch.eye(4), LOOK.K
CAMERAS = dict(ints=(I4.long(), K3.long()), truth=(I4.bool(), K3), none=(None, K3), none_K=(I4, None), lists=(I4.tolist(), K3.tolist()), arrays=(I4.numpy(), K3.numpy()), sparse=(I4.to_sparse(), K3), meta=(I4.to('meta'), K3.to('meta')), complex=(I4.to(torch.complex64), K3),
               words=('a', 'b'), three=(torch.eye(3), K3), swapped=(K3, I4), mirror=(torch.diag(torch.tensor([-1., 1, 1, 1])), K3), zero=(0*I4, K3), nan=(NAN*I4, K3), pixels=(I4, 500*K3), nobody=(I4[None][:0], K3), whole_K=(I4, torch.eye(3).long()))
for n, (a, b) in CAMERAS.items():
    add('cameras', f'splat {n}', lambda here, a=a, b=b: splat(G, Camera(a, b), 16))
    if n != 'nobody': add('cameras', f'check {n}', lambda here, a=a, b=b: Camera(a, b).check())
for d in (torch.float64, torch.float16, torch.bfloat16): add('cameras', f'good {d}', lambda here, d=d: splat(G, LOOK.to(d) if d == torch.float64 else Camera(I4.to(d), torch.tensor([[1, 0, .5], [0, 1, .5], [0, 0, 1]]).to(d)), 16), fine=True)
VIEWS = dict(fov=(400, 0, -5., 180, NAN, 'x', None, torch.tensor(400.), torch.tensor(NAN), [10, 190]), yaw=(None, 'a', NAN, INF, 1j, [[1], [1, 2]], torch.tensor(NAN), {}), pitch=(None, INF, 'x'), distance=(0, -1, 'far', NAN, torch.tensor(0.), [1, -1]), target=(None, (1, 2), 'abc', (NAN, 0, 0), 3, []),
             dtype=(torch.int64, 'x', None, float), device=('fly', 'cuda:99', 3.5))
for k, vs in VIEWS.items():
    for v in vs: add('cameras', f'{k} {str(v)[:12]}', lambda here, k=k, v=v: splat(G, Camera.look(**{k:v}), 16))
add('cameras', 'uneven', lambda here: Camera.look(yaw=[1, 2], pitch=[1, 2, 3]))
for v in (0, -1, 2.5, None, '3', 10**12, NAN, [3]): add('cameras', f'orbit {v}', lambda here, v=v: orbit(v))
for k, v in (('yaw', NAN), ('yaw', 'x'), ('yaw', None), ('pitch', INF), ('fov', 400), ('fov', None)): add('cameras', f'orbit {k} {v}', lambda here, k=k, v=v: orbit(3, **{k:v}))
add('cameras', 'orbit of numpy', lambda here: orbit(np.int64(3)), fine=True)
KINDS = dict(none=lambda x: None, list=lambda x: x.tolist(), array=lambda x: x.numpy(), whole=lambda x: x.long(), sparse=lambda x: x.to_sparse(), meta=lambda x: x.to('meta'), half=lambda x: x.half(), complex=lambda x: x.to(torch.complex64), eight=lambda x: x.to(torch.float8_e4m3fn), word=lambda x: 'x',
             nan=lambda x: NAN*x, short=lambda x: x[:3], batch=lambda x: x[None], quantised=lambda x: torch.quantize_per_tensor(x.contiguous(), .1, 0, torch.qint8))
for field in ('means', 'quats', 'scales', 'opacities', 'colors'):
    for n, f in KINDS.items(): add('gaussians', f'{field} {n}', lambda here, field=field, f=f: splat(Gaussians(**{**vars(G), field:f(getattr(G, field))}), LOOK, 16))
MORE = dict(meta=lambda: G.to('meta'), no_channels=lambda: replace(G, colors=G.colors[:, :0]), nobody=lambda: G.map(lambda x: x[:0]), enormous=lambda: replace(G, scales=1e30*G.scales), flat=lambda: replace(G, scales=0*G.scales), opaque=lambda: replace(G, opacities=G.opacities + 1), still=lambda: replace(G, quats=0*G.quats), a_path=lambda: 'a.ply', none=lambda: None)
for n, f in MORE.items(): add('gaussians', n, lambda here, f=f: splat(f(), LOOK, 16)); add('gaussians', f'ply {n}', lambda here, f=f: f().save_ply(here/'a.ply') if hasattr(f(), 'save_ply') else splat(f(), LOOK, 16))
for k, vs in dict(size=('16', 16.5, None, (16,), (16, 16, 16), (16, None), b'1', {16}, INF, -3, 0, 10**6, []), backend=(None, 3, ['auto'], 'fly', 'cuda', 'gsplat'), eps2d=('x', None, NAN, -1, INF, [], 1e9)).items():
    for v in vs: add('gaussians', f'{k} {v}', lambda here, k=k, v=v: splat(G, LOOK, **{'size':16, k:v}))


# ------------------------------------------------------------------------------------------------------------ pictures and codes

X = torch.zeros(3, 64, 64)
TENSORS = dict(whole=X.long(), bytes=X.byte(), sparse=X.to_sparse(), meta=X.to('meta'), complex=X.to(torch.complex64), truth=X.bool(), four=torch.zeros(4, 64, 64), batch=X[None], nan=NAN*X, far=X + 128, array=X.numpy(), none=None, list=[1], number=3, text=b'abc', folder='.', nothing='', long='a'*5000, nul='a\0b', address='http://x/y.png', line='a\nb.png')
for n, v in TENSORS.items(): add('pictures', f'portrait {n}', lambda here, v=v: load_portrait(v, 64)); add('pictures', f'uncropped {n}', lambda here, v=v: load_portrait(v, 64, crop=False), fine=n == 'array')
for n, v in dict(sparse=X.to_sparse(), meta=X.to('meta'), complex=X.to(torch.complex64), words='a.png', none=None, list=[1], number=3, four=torch.zeros(4, 64, 64), objects=np.array([None]), nan=NAN*X, whole=X.long() + 300).items(): add('pictures', f'pixels {n}', lambda here, v=v: as_pixels(v))
for n, v in dict(whole=X.long() + 200, half=X.half(), eight=X.to(torch.float8_e4m3fn), truth=X.bool(), grad=X.clone().requires_grad_()).items(): add('pictures', f'good pixels {n}', lambda here, v=v: as_pixels(v), fine=True)
for v in (0, -1, None, 'x', 2.5, 10**9): add('pictures', f'size {v}', lambda here, v=v: load_portrait(Image.new('RGB', (64, 64)), v, crop=False))

@functools.cache
def stand():
    from instant4d.evaluation.bench import stand_in
    return stand_in(load_preset('smoke'))
C = torch.zeros(512)
for n, v in dict(list=[0.]*512, array=C.numpy(), complex=C.to(torch.complex64), sparse=C.to_sparse(), meta=C.to('meta'), word='x', number=3, nan=NAN*C, short=C[:5], two=C[None]).items(): add('avatars', f'code {n}', lambda here, v=v: stand().render(v))
for n, v in dict(half=C.half(), whole=C.long(), double=C.double(), eight=C.to(torch.float8_e4m3fn)).items(): add('avatars', f'good code {n}', lambda here, v=v: stand().render(v), fine=True)
for n, v in dict(none=None, number=3, word='abc', one=C, table={1:C}).items(): add('avatars', f'animate {n}', lambda here, v=v: list(stand().animate(v))); add('avatars', f'animate {n} round', lambda here, v=v: list(stand().animate(v, orbit(2))))
for n, v in dict(word='x', one=LOOK, list=[1, 2], three=orbit(3)).items(): add('avatars', f'cameras {n}', lambda here, v=v: list(stand().animate([C]*2, v)))
for v in ('x', I4, [LOOK], 3): add('avatars', f'camera {str(v)[:9]}', lambda here, v=v: stand().render(None, v))
for v in (0, 'x', 2.5, (3,), 10**6, NAN): add('avatars', f'size {v}', lambda here, v=v: stand().render(size=v))
for k, v in (('device', 'fly'), ('device', 99), ('device', 'cuda:77'), ('motion_encoder', 'x'), ('preset', 3), ('preset', None), ('preset', 'a'*10**6)): add('avatars', f'new {k} {str(v)[:9]}', lambda here, k=k, v=v: new_model(**({'preset':'smoke'} | {k:v})))


# ------------------------------------------------------------------------------------------------------------------------- names

READERS = dict(avatar=Avatar.load, model=load_model, driver=lambda p: load_driver(model(), p), recording=lambda p: read_arkit(p, ['jawOpen']), ply=Gaussians.load_ply, settings=lambda p: load_preset('laptop', p), released=load_released, xnemo=load_xnemo, dino=load_dino, portrait=lambda p: load_portrait(p, 64))
def clip(p): from instant4d.video import read_video; return read_video(p)
def shard(p): from instant4d.data.people import Heads; return Heads(p)
READERS |= dict(clip=clip, shard=shard)
PATHS = dict(number=3, nothing='', folder='.', long='a'*5000, nul='a\0b', bytes=b'x', list=['a'], missing='none', loop='LOOP', pipe='PIPE', zero='/dev/zero', below='/dev/null/x')
@functools.cache
def model(): return load_model()
def at(v, d): return {'LOOP':d/'loop', 'PIPE':d/'pipe'}.get(v, v) if isinstance(v, str) else v
for r, f in READERS.items():
    for n, v in PATHS.items():
        if (r, n) in {('shard', 'list'), ('shard', 'nothing'), ('shard', 'folder')}: continue                # lists and folders it takes
        add('names to read', f'{r} {n}', lambda here, f=f, v=v: f(at(v, here)))
WRITERS = dict(avatar=lambda p: stand().save(p), ply=lambda p: G.save_ply(p), spz=lambda p: G.save_spz(p), picture=lambda p: save_image(p, X))
def film(p): from instant4d.video import write_video; write_video(p, [Image.new('RGB', (16, 16))])
def keep(p): from instant4d.training.checkpoints import save_checkpoint; save_checkpoint(p, dict(x=1))
def shelve(p): from instant4d.data.shards import write_shard; write_shard(p, [('a', b'x')])
WRITERS |= dict(clip=film, checkpoint=keep, shard=shelve)
ENDS = dict(picture='.png', clip='.mp4')
for r, f in WRITERS.items():
    for n, v in dict(none=None, number=3, nothing='', folder='HERE', long='a'*5000, nul='a\0b', below='/dev/null/x', bytes=b'x', slash='/').items(): add('names to write', f'{r} {n}', lambda here, r=r, f=f, v=v: f(here if v == 'HERE' else v + ENDS.get(r, '') if isinstance(v, str) and len(v) > 1 else v))


# ---------------------------------------------------------------------------------------------------------------------- full disks

def full(write, name, limit=500):
    "Writing where a file may not become long: the earlier one stays, and no part of the new one."
    def go(here):
        import resource
        (here/name).write_bytes(b'earlier'); _, most = resource.getrlimit(resource.RLIMIT_FSIZE); old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        try: write(here/name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)); signal.signal(signal.SIGXFSZ, old)
            assert (here/name).read_bytes() == b'earlier' and not [p for p in here.iterdir() if p.name.startswith('.')]; (here/name).unlink()
    return go
def noise(n=64): return np.random.default_rng(0).integers(0, 256, (n, n, 3), dtype=np.uint8)
def movie(p): from instant4d.video import write_video; write_video(p, [noise()]*3)
def weights(p): from instant4d.training.checkpoints import save_checkpoint; save_checkpoint(p, dict(x=torch.randn(9000)))
def tarred(p): from instant4d.data.shards import write_shard; write_shard(p, [('a', bytes(9000))])
def text(p):
    from instant4d.files import writing
    with writing(p) as part: part.write_text('x'*9000)
def paged(p): from instant4d.images import panel; panel([noise()]).save(p)
FULL = {'a.safetensors':lambda p: stand().save(p), 'm.safetensors':lambda p: model().save(p), 'd.safetensors':lambda p: load_driver(model()).save(p), 'a.ply':lambda p: G.save_ply(p), 'a.spz':lambda p: random_scene(900).save_spz(p), 'a.mp4':movie, 'a.gif':movie, 'last.pt':weights, 'a.tar':tarred, 'a.json':text, 'panel.jpg':paged}
FULL |= {f'a{e}':lambda p: save_image(p, noise()) for e in ('.png', '.jpg', '.webp')} | {'b.gif':lambda p: save_image(p, noise()), 'a.html':lambda p: head().save_html(p, load_driver(model()))}
for n, f in FULL.items(): add('full disks', n, full(f, n))


# ------------------------------------------------------------------------------------------------------------------------ widgets

@functools.cache
def head(): return model().encode(ROOT/'data_samples'/'portraits'/'head-900003.webp', crop=False)
@functools.cache
def shown():
    from instant4d.explore.widgets import Anatomy, BasisExplorer, Rivals
    from instant4d.explore.driving import Mixer
    a, d = head(), load_driver(model()); return SimpleNamespace(driver=d, mixer=Mixer(a, d, size=32), rivals=Rivals(a, a, d, size=32), anatomy=Anatomy(a, d, 50), explorer=BasisExplorer(a, a, d, size=32))
VALUES = dict(nan=dict(jawOpen=NAN), none=dict(jawOpen=None), word=dict(jawOpen='x'), inf=dict(jawOpen=INF), huge=dict(jawOpen=1e38), larger=dict(jawOpen=1e300), name=dict(fly=1), number={3:1}, list=[1, 2], short=torch.zeros(3), row=torch.full((53,), NAN), array=np.zeros(53), two=dict(jawOpen=torch.ones(2)), complex=dict(jawOpen=1j), three=3, sparse=torch.zeros(53).to_sparse(), meta=torch.zeros(53, device='meta'))
for n, v in VALUES.items():
    add('widgets', f'driver {n}', lambda here, v=v: shown().driver(v)); add('widgets', f'mixer {n}', lambda here, v=v: shown().mixer.draw(v)); add('widgets', f'rivals {n}', lambda here, v=v: shown().rivals.draw(v))
    add('widgets', f'anatomy {n}', lambda here, v=v: shown().anatomy.draw(values=v)); add('widgets', f'numbers {n}', lambda here, v=v: shown().anatomy.numbers(0, v))
def scene(**kw): from instant4d.explore.widgets import Scene; return Scene(**kw)
for n, v in dict(nan=NAN, none=None, word='x', inf=INF, list=[1, 2]).items():
    for k, f in dict(mixer=lambda v: as_pixels(shown().mixer.draw({}, v)), rivals=lambda v: as_pixels(shown().rivals.draw({}, v)), cut=lambda v: shown().anatomy.draw(cut=v), solid=lambda v: shown().anatomy.draw(solid=v), yaw=lambda v: shown().explorer.see(scene(yaw=v)), much=lambda v: shown().explorer.see(scene(much=v)),
                     spot=lambda v: shown().explorer.pin(0, (v, v)), who=lambda v: shown().explorer.pin(v, (.5, .5)), size=lambda v: type(shown().mixer)(head(), shown().driver, size='9' if v in (None, [1, 2]) else v).draw({})).items(): add('widgets', f'{k} {n}', lambda here, f=f, v=v: f(v))
for v in ('x', None, 3):
    add('widgets', f'by {v}', lambda here, v=v: shown().anatomy.draw(v)); add('widgets', f'show {v}', lambda here, v=v: shown().explorer.see(scene(show=v))); add('widgets', f'name {v}', lambda here, v=v: shown().explorer.see(scene(name=v, much=1.))); add('widgets', f'pin {v}', lambda here, v=v: shown().explorer.alike(v))
    if v is not None: add('widgets', f'case {v}', lambda here, v=v: shown().rivals.draw({}, case=v))
for v in (10**9, -1, None, 'x'): add('widgets', f'Gaussian {v}', lambda here, v=v: shown().anatomy.numbers(v))
for v in (-1, 0, None, 'x'): add('widgets', f'points {v}', lambda here, v=v: type(shown().anatomy)(head(), shown().driver, v))
for v in (('fly',), ('jawOpen',)*5, None, (3,), 'jawOpen'): add('widgets', f'names {v}', lambda here, v=v: type(shown().mixer)(head(), shown().driver, names=v))
add('widgets', 'no avatar', lambda here: type(shown().mixer)(None, shown().driver)); add('widgets', 'no driver', lambda here: type(shown().mixer)(head(), None)); add('widgets', 'no pins', lambda here: shown().explorer.draw([]))
for n, kw in {f'{k} {str(v)[:9]}':{k:v} for k, vs in dict(fps=(NAN, 0, 'x', -3, None, 1e9), title=(None, 3), purpose=(3,), codes=([None], 'abc', 3, [], [NAN*C], [C[:3]]), second=('x',), driver=(None, 'x'), path=(None, 3, 'a.txt', '')).items() for v in vs}.items():
    add('pages', n, lambda here, kw=kw: head().save_html(kw.get('path', here/'a.html') if 'path' in kw else here/'a.html', kw['driver'] if 'driver' in kw else shown().driver, **{k:v for k, v in kw.items() if k not in ('path', 'driver')}))


# ----------------------------------------------------------------------------------------------------------------------- settings

for n, v in dict(words='many', fraction=2.5, truth=True, nan=NAN, none=None, list=[1], endless='9'*10**6, digits=10**400, zero=0, minus=-3, most=10**9).items(): add('settings', f'rays {n}', lambda here, v=v: load_preset('smoke', model_rays=v))
for n, v in dict(words='x'*10**6, number=3, none=None).items(): add('settings', f'encoder {n}', lambda here, v=v: load_preset('smoke', model_encoder=v)); add('settings', f'preset {n}', lambda here, v=v: load_preset(v))
for n, t in {'long value':b'[laptop.model]\nencoder = ' + b'x'*10**6, 'long key':b'[laptop.model]\n' + b'x'*10**6 + b' = 3', 'long section':b'[' + b'x'*10**6 + b']\na = 3', 'section':b'[mine.modle]\nimage = 64', 'utf-16':'[laptop.model]\nimage = 64'.encode('utf-16'), 'no section':b'image = 64', 'no key':b'[laptop.model]\n= 3',
             'twice':b'[laptop.model]\nimage = 64\nimage = 64', 'bytes':b'\xff\0', 'unclosed':b'[laptop.model\nimage = 64', 'no value':b'[laptop.model]\nimage', 'colon':b'[laptop.model]\nimage 64'}.items():
    def go(here, t=t):
        with folder() as d: (d/'s.ini').write_bytes(t); load_preset('laptop', d/'s.ini')
    add('settings', n, go)
def marked(here):
    with folder() as d: (d/'s.ini').write_bytes(b'\xef\xbb\xbf[laptop.model]\r\nimage = 64\r\n'); assert load_preset('laptop', d/'s.ini').model.image == 64
add('settings', 'a byte order mark', marked, fine=True)


# -------------------------------------------------------------------------------------------------------------------------- tests

@pytest.fixture(scope='module')
def place(tmp_path_factory):
    here = tmp_path_factory.mktemp('campaign'); prepare(here); return here

def prepare(here): (here/'loop').symlink_to('loop'); os.mkfifo(here/'pipe')

@pytest.mark.skipif(not hasattr(os, 'mkfifo') or not hasattr(signal, 'SIGALRM'), reason='Unix: pipes, alarms and limits')
@pytest.mark.parametrize('kind', ODD)
def test_kind(kind, place, monkeypatch):
    monkeypatch.chdir(place)
    wrong = {n: how for n, call, fine in ODD[kind] if (how := outcome(call, fine, place)) != ('right' if fine else 'line')}
    assert not wrong, wrong

def test_size(): assert sum(map(len, ODD.values())) > 600


if __name__ == '__main__':
    with folder() as d:
        prepare(d); os.chdir(d); total = {}
        for kind, inputs in ODD.items():
            if sys.argv[1:] and kind not in sys.argv[1:]: continue
            start, count = time.process_time(), {}
            for n, call, fine in inputs:
                how = outcome(call, fine, d); key = how.split(':')[0]; count[key] = count.get(key, 0) + 1
                if key not in ('right', 'line'): print('   ', kind, n, how[:140], flush=True)
            print(f'{kind:16}', len(inputs), {k:count.get(k, 0) for k in ('line', 'right', 'raw', 'silent', 'hang', 'leftover')}, f'{time.process_time() - start:.1f} s', flush=True)
            for k, v in count.items(): total[k] = total.get(k, 0) + v
        print('all', sum(total.values()), total)
