"""Bad input: one clear line that names what was wrong and says what to do, and nothing half-written left behind."""
import os
import numpy as np, pytest, torch
from PIL import Image
from instant4d import config, images, video


def refused(call, *words, folder=None, kind=(ValueError, FileNotFoundError)):
    "`call` raises one line that holds all `words`; `folder` holds what it held before."
    before = listing(folder)
    with pytest.raises(kind) as caught: call()
    line = str(caught.value)
    assert '\n' not in line and 10 < len(line) < 400, line
    for w in words: assert str(w) in line, f'{w!r} is missing in: {line}'
    assert listing(folder) == before


def listing(folder): return sorted(str(p) for p in folder.rglob('*')) if folder else []


# ------------------------------------------------------------------------------------------------------------- config

PRESETS = {
    'preset':(dict(name='laptp'), ["'laptp'", "'laptop'"]),
    'key':(dict(model_plane=3), ["'plane'", "'planes'"]),
    'part':(dict(planes=3), ["'planes'", 'model.']),
    'word for a number':(dict(model_rays='many'), ['rays', 'whole number', "'many'"]),
    'fraction':(dict(model_rays=2.5), ['rays', 'whole number', '2.5']),
    'bool':(dict(train_steps=True), ['steps', 'True']),
    'nan':(dict(train_lr=float('nan')), ['lr', 'nan']),
    'zero':(dict(model_planes=0), ['planes', 'greater than 0']),
    'negative':(dict(train_w_l1=-1), ['w_l1', '0 or more']),
    'chance':(dict(train_same=2), ['same', 'at most 1']),
    'odd channels':(dict(model_channels=95), ['channels', 'even']),
    'choice':(dict(model_encoder='lp3'), ['encoder', "'lp3d'"]),
}

@pytest.mark.parametrize('case', PRESETS)
def test_preset(case, root):
    kw, words = PRESETS[case]
    refused(lambda: config.load_preset(path=root/'settings.ini', **kw), *words, kind=ValueError)


FILES = {
    'unknown key':('[laptop.model]\nplane = 3', ['laptop.model', "'plane'", "'planes'"]),
    'wrong type':('[laptop.train]\nlr = fast', ['laptop.train', 'lr', "'fast'"]),
    'empty value':('[laptop.model]\nplanes =', ['laptop.model', 'planes']),
    'unknown section':('[laptop]\nplanes = 3', ['[laptop]', '[laptop.model]']),
    'no section':('planes = 3', ['settings.ini', 'cannot be read']),
    'twice':('[laptop.model]\nplanes = 3\nplanes = 4', ['settings.ini', 'planes']),
    'bytes':(b'\xff\xfe\x00', ['settings.ini', 'cannot be read']),
}

@pytest.mark.parametrize('case', FILES)
def test_settings_file(case, tmp_path):
    text, words = FILES[case]
    path = tmp_path/'settings.ini'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(lambda: config.load_preset(path=path), *words, folder=tmp_path, kind=ValueError)


def test_settings_missing(tmp_path):
    refused(lambda: config.load_preset(path=tmp_path/'no.ini'), 'no.ini', kind=FileNotFoundError)


@pytest.mark.parametrize('word, d', [
    ('modle', {'modle':{}}), ('colour', {'model':{'colour':1}}), ('lr', {'train':{'lr':'x'}})])
def test_checkpoint_metadata(word, d): refused(lambda: config.from_dict(d), 'configuration', word, kind=ValueError)


def test_settings_of_the_working_folder_do_not_count(tmp_path, monkeypatch):
    "A preset means the same wherever it is loaded; a file of one's own is named."
    before = config.load_preset('smoke')
    (tmp_path/'settings.ini').write_text('[smoke.model]\nplanes = 8\n[mine.model]\nplanes = 8')
    monkeypatch.chdir(tmp_path)
    assert config.load_preset('smoke') == before
    with pytest.raises(ValueError, match="unknown preset 'mine'"): config.load_preset('mine')
    assert config.load_preset('mine', 'settings.ini').model.planes == 8


# ------------------------------------------------------------------------------------------------------------- images

def picture(width=64, height=48):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))

def make(path, case):
    "A bad picture or clip at `path`."
    if case == 'text': path.write_text('not a picture')
    elif case == 'empty': path.write_bytes(b'')
    elif case == 'folder': path.mkdir()
    elif case == '1x1': Image.new('RGB', (1, 1)).save(path)
    elif case == 'thin': Image.new('RGB', (500, 3)).save(path)
    elif case == 'truncated': picture().save(path); b = path.read_bytes(); path.write_bytes(b[:len(b)//2])
    elif case == 'broken': picture().save(path); b = bytearray(path.read_bytes()); b[60:400] = bytes(340); path.write_bytes(b)
    elif case == 'no face': Image.linear_gradient('L').save(path)


PICTURES = 'missing', 'text', 'empty', 'folder', '1x1', 'thin', 'truncated', 'broken', 'no face'

@pytest.mark.parametrize('case', PICTURES)
@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_portrait_file(case, suffix, tmp_path):
    if (case, suffix) == ('broken', '.jpg'): pytest.skip('a JPEG with a damaged middle still shows a picture')
    path = tmp_path/f'me{suffix}'
    make(path, case)
    kind = FileNotFoundError if case == 'missing' else ValueError
    refused(lambda: images.load_portrait(path, 64), path, folder=tmp_path, kind=kind)
    if case == 'no face': assert images.load_portrait(path, 64, crop=False).shape == (3, 64, 64)


TENSORS = {'shape':torch.zeros(3, 64, 32), 'batch':torch.zeros(1, 3, 64, 64), 'last':torch.zeros(64, 64, 3),
           'bytes':torch.zeros(3, 64, 64, dtype=torch.uint8)}
TENSORS |= {f'full of {v}':torch.full((3, 64, 64), v) for v in (float('nan'), float('inf'), 128., -1.)}

@pytest.mark.parametrize('case', TENSORS)
def test_portrait_tensor(case): refused(lambda: images.load_portrait(TENSORS[case], 64), 'the portrait', kind=ValueError)


def nowhere(tmp_path, name):
    "A path below something that is not a folder: no user may write there, not even the administrator."
    (tmp_path/'file').write_text('in the way')
    return tmp_path/'file'/name


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.webp', 'a.gif', 'a.mp4'])
def test_unwritable_folder(name, tmp_path):
    path = nowhere(tmp_path, name)
    write = video.write_video if name == 'a.mp4' else images.save_image
    what = [picture()] if name == 'a.mp4' else picture()
    refused(lambda: write(path, what), path, 'cannot be written', folder=tmp_path, kind=ValueError)


@pytest.mark.skipif(os.name == 'nt' or os.geteuid() == 0, reason='an administrator may write everywhere')
def test_read_only_folder(tmp_path):
    (tmp_path/'locked').mkdir(mode=0o555)
    path = tmp_path/'locked'/'a.png'
    refused(lambda: images.save_image(path, picture()), path, 'cannot be written', folder=tmp_path, kind=ValueError)


def failing(): yield picture(); raise RuntimeError('the renderer gave up')

NAN = torch.full((3, 48, 64), float('nan'))
WRITES = {
    'picture suffix':(lambda p: images.save_image(p/'a.txt', picture()), ['a.txt', '.png']),
    'picture without suffix':(lambda p: images.save_image(p/'a', picture()), ['.png']),
    'picture nan':(lambda p: images.save_image(p/'a.png', NAN), ['NaN']),
    'picture shape':(lambda p: images.save_image(p/'a.png', torch.zeros(2, 3, 8, 8)), ['(2, 3, 8, 8)']),
    'clip suffix':(lambda p: video.write_video(p/'a.avi', [picture()]), ['a.avi', '.mp4']),
    'no frames':(lambda p: video.write_video(p/'a.mp4', []), ['a.mp4', 'no frames']),
    'uneven frames':(lambda p: video.write_video(p/'a.mp4', [picture(), picture(32, 32)]), ['frame 1']),
    'uneven gif':(lambda p: video.write_video(p/'a.gif', [picture(), picture(32, 32)]), ['frame 1']),
    'fps':(lambda p: video.write_video(p/'a.mp4', [picture()], fps=0), ['fps']),
    'a frame with nan':(lambda p: video.write_video(p/'a.mp4', [picture(), NAN]), ['NaN']),
}

@pytest.mark.parametrize('case', WRITES)
def test_write(case, tmp_path):
    call, words = WRITES[case]
    refused(lambda: call(tmp_path), *words, folder=tmp_path, kind=ValueError)


@pytest.mark.parametrize('name', ['a.mp4', 'a.gif'])
def test_a_render_that_fails_leaves_nothing(name, tmp_path):
    refused(lambda: video.write_video(tmp_path/name, failing()), 'gave up', folder=tmp_path, kind=RuntimeError)


def test_a_failing_write_keeps_the_old_file(tmp_path):
    video.write_video(tmp_path/'a.mp4', [picture()]*3)
    old = (tmp_path/'a.mp4').read_bytes()
    refused(lambda: video.write_video(tmp_path/'a.mp4', failing()), 'gave up', folder=tmp_path, kind=RuntimeError)
    assert (tmp_path/'a.mp4').read_bytes() == old


@pytest.mark.parametrize('case', ['missing', 'text', 'empty', 'folder', 'truncated'])
def test_clip(case, tmp_path):
    path = tmp_path/'talk.mp4'
    if case == 'truncated':
        video.write_video(path, [picture()]*5)
        path.write_bytes(path.read_bytes()[:400])
    else: make(path, case)
    kind = FileNotFoundError if case == 'missing' else ValueError
    refused(lambda: video.read_video(path), path, folder=tmp_path, kind=kind)


# -------------------------------------------------------------------------------------- gaussians, cameras, splatting

from dataclasses import replace
import pickle
from instant4d import Avatar, Camera, Gaussians, cli, load_model, new_model, orbit, splat
from instant4d.model.model import Instant4D
from instant4d.files import read_tensors
from instant4d.splatting.kernels import random_scene as scene
from instant4d.model.triplanes import sample_triplane

G = scene(50)
SCENES = {
    'nan':(replace(G, means=G.means*float('nan')), ['means', 'NaN']),
    'infinite':(replace(G, colors=G.colors/0), ['colors', 'infinity']),
    'shape':(replace(G, quats=G.quats[:7]), ['quats', '(7, 4)', '(50, 4)']),
    'zero Gaussians':(G.map(lambda x: x[:0]), ['zero Gaussians']),
    'flat':(replace(G, scales=G.scales*0), ['scales', 'above zero']),
    'negative':(replace(G, scales=-G.scales), ['scales']),
    'opacity':(replace(G, opacities=G.opacities + 1), ['opacities', '0..1']),
    'no rotation':(replace(G, quats=G.quats*0), ['quats', '(1,0,0,0)']),
    'whole numbers':(replace(G, means=G.means.long()), ['means']),
}

@pytest.mark.parametrize('case', SCENES)
@pytest.mark.parametrize('backend', ['auto', 'oracle'])
def test_scene_is_refused(case, backend):
    g, words = SCENES[case]
    refused(lambda: splat(g, Camera.look(), 32, backend=backend), *words, kind=ValueError)


@pytest.mark.parametrize('case', SCENES)
def test_nothing_undrawable_is_saved(case, tmp_path):
    refused(lambda: SCENES[case][0].save_ply(tmp_path/'a.ply'), folder=tmp_path, kind=ValueError)


CAMERAS = {
    'nan':(lambda: Camera.look(yaw=float('nan')), ['NaN']),
    'mirror':(lambda: replace(Camera.look(), cam2world=torch.diag(torch.tensor([-1., 1, 1, 1]))), ['mirror']),
    'pixels':(lambda: replace(Camera.look(), K=torch.tensor([[500., 0, 256], [0, 500, 256], [0, 0, 1]])), ['pixels']),
    'two for three':(lambda: Camera.look(yaw=[0., 1.]), ['do not begin']),
}

@pytest.mark.parametrize('case', CAMERAS)
def test_camera_is_refused(case):
    make_camera, words = CAMERAS[case]
    g = Gaussians.stack([G]*3) if case == 'two for three' else G
    refused(lambda: splat(g, make_camera(), 32), *words, kind=ValueError)


@pytest.mark.parametrize('kw, word', [(dict(backend='cuda'), 'cuda'), (dict(backend='gsplat'), 'CUDA'), (dict(size=0), '0')])
def test_splat_options(kw, word): refused(lambda: splat(G, Camera.look(), **{'size':32, **kw}), word, kind=ValueError)


@pytest.mark.parametrize('shape', [(2, 8, 4, 4), (3, 8, 4, 5), (8, 4, 4)])
def test_triplane_shapes(shape): refused(lambda: sample_triplane(torch.zeros(shape), torch.zeros(5, 3)), shape, kind=ValueError)


@pytest.mark.parametrize('size', ['64', 64.5, None, (64,), (10**6, 10**6), -3])
def test_size(size): refused(lambda: splat(G, Camera.look(), size), kind=ValueError)

@pytest.mark.parametrize('n', [0, -1, 2.5])
def test_orbit(n): refused(lambda: orbit(n), 'orbit', kind=ValueError)

@pytest.mark.parametrize('g, camera', [('a.ply', Camera.look()), (G, torch.eye(4)), (G, None)])
def test_types(g, camera): refused(lambda: splat(g, camera, 32), 'expected', kind=ValueError)

def test_camera_without_gradient():
    camera = Camera.look()
    camera.K = camera.K.clone().requires_grad_()
    refused(lambda: splat(G, camera, 32), 'no gradient to the camera', kind=ValueError)


PLYS = {
    'missing field':(lambda b: b.replace(b'property float opacity\n', b'property float opaqueness\n'), ['opacity']),
    'truncated':(lambda b: b[:-100], []),
    'text':(lambda b: b'hello', []),
    'empty':(lambda b: b'', []),
}

@pytest.mark.parametrize('case', PLYS)
def test_ply(case, tmp_path):
    spoil, words = PLYS[case]
    path = tmp_path/'a.ply'
    G.save_ply(path); path.write_bytes(spoil(path.read_bytes()))
    refused(lambda: Gaussians.load_ply(path), path, *words, folder=tmp_path, kind=ValueError)


def test_ply_elsewhere(tmp_path):
    refused(lambda: Gaussians.load_ply(tmp_path/'no.ply'), 'no.ply', kind=FileNotFoundError)
    path = nowhere(tmp_path, 'a.ply')
    refused(lambda: G.save_ply(path), 'a.ply', folder=tmp_path, kind=ValueError)


# ------------------------------------------------------------------------------------------------------- model, avatar

@pytest.fixture(scope='module')
def model(): return new_model('smoke')

@pytest.fixture(scope='module')
def avatar(model): return model.encode(torch.rand(3, 64, 64))


class Trap:
    "Unpickling it would be noticed."
    def __reduce__(self): return pytest.fail, ('a file was unpickled',)

FILES_OF_TENSORS = {
    'truncated':lambda p, a: (a.save(p), p.write_bytes(p.read_bytes()[:1000])),
    'empty':lambda p, a: p.write_bytes(b''),
    'text':lambda p, a: p.write_text('hello'),
    'a pickle':lambda p, a: p.write_bytes(pickle.dumps(Trap())),
    'a torch file':lambda p, a: torch.save({'x':torch.zeros(3)}, p),
    'foreign':lambda p, a: __import__('safetensors.torch').torch.save_file({'x':torch.zeros(3)}, p),
}

@pytest.mark.parametrize('case', FILES_OF_TENSORS)
@pytest.mark.parametrize('load', [Avatar.load, load_model])
def test_weights(case, load, avatar, tmp_path):
    path = tmp_path/'me.safetensors'
    FILES_OF_TENSORS[case](path, avatar)
    refused(lambda: load(path), path, folder=tmp_path, kind=ValueError)


def test_weights_missing(tmp_path): refused(lambda: load_model(tmp_path/'no.safetensors'), 'no.safetensors', kind=FileNotFoundError)

def test_weights_of_another_kind(avatar, tmp_path):
    avatar.save(tmp_path/'a.safetensors')
    refused(lambda: load_model(tmp_path/'a.safetensors'), 'avatar', 'model', kind=ValueError)

def test_weights_that_lack_a_tensor(avatar, tmp_path):
    from instant4d.files import write_tensors
    avatar.save(tmp_path/'a.safetensors')
    t, about = read_tensors(tmp_path/'a.safetensors', 'avatar')
    write_tensors(tmp_path/'b.safetensors', {k:v for k, v in t.items() if k != 'phi.fc1.weight'},
                  dict(kind='avatar', config=config.as_dict(about['config'])))
    refused(lambda: Avatar.load(tmp_path/'b.safetensors'), 'phi.fc1.weight', kind=ValueError)

def test_avatar_unwritable(avatar, tmp_path):
    path = nowhere(tmp_path, 'a.safetensors')
    refused(lambda: avatar.save(path), 'a.safetensors', folder=tmp_path, kind=ValueError)

@pytest.mark.parametrize('code', [torch.zeros(100), torch.full((512,), float('nan')), torch.zeros(1, 512)])
def test_code(code, avatar): refused(lambda: avatar.render(code), '512', kind=ValueError)


def test_input_is_not_overwritten(tmp_path, capsys):
    clip = tmp_path/'talk.mp4'
    video.write_video(clip, [picture()]*3)
    old = clip.read_bytes()
    assert cli.main(['animate', str(tmp_path/'me.png'), str(clip), '-o', str(clip)]) == 2 and clip.read_bytes() == old

def test_nothing_is_trained_on_the_test_split(root, tmp_path, capsys):
    assert cli.main(['train', '--heads', str(root/'data_samples'), '--out', str(tmp_path/'run')]) == 2
    assert 'test split' in capsys.readouterr().err and listing(tmp_path) == []


def test_an_avatar_notices_changes(avatar):
    "The kept expression is not shown for another one, nor for a changed avatar; what is handed out is the caller's."
    code, still = torch.randn(512), avatar.render().image
    g = avatar.gaussians()
    g.colors = 1 - g.colors
    assert torch.equal(avatar.render().image, still)
    avatar.render(code)
    assert torch.equal(avatar.render().image, still)
    old = avatar.feature.clone()
    avatar.feature.mul_(0)
    assert not torch.equal(avatar.render().image, still)
    avatar.feature.copy_(old)


COMMANDS = [['animate', 'no.jpg', 'no.mp4', '-o', 'x.mp4'], ['animate', 'a.jpg', 'b.mp4', '-o', 'x.txt'],
            ['train', '--heads', 'nowhere'], ['train', '--preset', 'laptp', '--heads', '.']]

@pytest.mark.parametrize('command', COMMANDS, ids=' '.join)
def test_command_line(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith('instant4d: ') and said.count('\n') == 1 and listing(tmp_path) == []


# ------------------------------------------------------------------------------------ shapes that would make kernels read on

ROWS = {
    'no columns':('points', lambda v: v[:, :0]),
    'one column':('points', lambda v: v[:, :1].contiguous()),
    'a row less':('feature', lambda v: v[:-1].contiguous()),
    'other bases':('basis', lambda v: v[:, :47].contiguous()),
    'whole numbers':('basis', lambda v: (100*v).to(torch.int32)),
    'a number':('points', lambda v: v.sum()),
    'short code':('code', lambda v: v[:500].contiguous()),
    'nobody':('points', lambda v: v[:0]),
}

@pytest.mark.parametrize('case', ROWS)
def test_avatar_files_with_other_shapes(case, tmp_path):
    from instant4d import Avatar, load_preset
    from instant4d.evaluation.bench import stand_in
    from instant4d.files import read_tensors, write_tensors
    stand_in(load_preset('smoke')).save(tmp_path/'a.safetensors')
    t, about = read_tensors(tmp_path/'a.safetensors', 'avatar')
    name, spoil = ROWS[case]
    write_tensors(tmp_path/'b.safetensors', t | {name: spoil(t[name])}, about | dict(config=config.as_dict(about['config'])))
    refused(lambda: Avatar.load(tmp_path/'b.safetensors'), 'b.safetensors', 'again')


def test_unchecked_splats_still_look_at_shapes():
    from instant4d import Camera, splat
    from instant4d.splatting.kernels import random_scene
    g = random_scene(20)
    g.quats = g.quats[:-1]
    refused(lambda: splat(g, Camera.look(), 32, check=False), 'quats', '(20, 4)')


def test_the_tour_runs_the_packages_own_notebook(tmp_path, monkeypatch):
    from instant4d.cli import tour_notebook
    (tmp_path/'nbs').mkdir(); (tmp_path/'nbs'/'00_tour.ipynb').write_text('{}')
    monkeypatch.chdir(tmp_path)
    assert not tour_notebook().is_relative_to(tmp_path)


# ----------------------------------------------------------------------------------------------- values of other kinds

@pytest.mark.parametrize('name', ['means', 'quats', 'scales', 'opacities', 'colors'])
@pytest.mark.parametrize('kind', [lambda x: None, lambda x: x.tolist(), lambda x: x.numpy(), lambda x: x.long(), lambda x: x.to_sparse(), lambda x: x.half()],
                         ids=['None', 'list', 'numpy', 'whole', 'sparse', 'half'])
def test_gaussians_of_other_kinds(name, kind):
    g = Gaussians(**{**vars(G), name:kind(getattr(G, name))})
    refused(lambda: splat(g, Camera.look(), 32), kind=ValueError)

@pytest.mark.parametrize('what', [dict(fov=400), dict(fov=0), dict(fov=-5.), dict(fov=[10, 190]), dict(yaw=None), dict(yaw='a'), dict(yaw=float('nan')), dict(pitch=float('inf')), dict(distance='far')])
def test_views(what): refused(lambda: Camera.look(**what), next(iter(what)), kind=ValueError)


def test_pictures_of_other_kinds(model, root):
    "Arrays, bytes, lists and batches are read; what makes no sense is one line."
    import numpy as np
    data = (root/'data_samples'/'portraits'/'head-900001.webp').read_bytes()
    array = np.random.default_rng(0).random((64, 64, 3)); whole = (255*array).astype(np.uint8)
    assert model.motion(data, crop=False).shape == (512,) and model.motion([data, whole], crop=False).shape == (2, 512)
    assert len(model.encode(torch.rand(3, 3, 64, 64))) == 3 and model.encode(array, crop=False).points.shape[1] == 3
    refused(lambda: model.encode(255*array, crop=False), '0..1', kind=ValueError)
    refused(lambda: model.encode([]), 'empty', kind=ValueError)
    refused(lambda: model.motion(b'no picture'), '10 bytes', kind=ValueError)
    refused(lambda: model.encode(object()), 'object', kind=ValueError)

def test_precision_and_devices(model, avatar):
    import copy
    for kind in (torch.float16, torch.float64):
        refused(lambda: copy.deepcopy(model).to(kind).encode(torch.rand(3, 64, 64)), 'model.float()', kind=ValueError)
    assert copy.deepcopy(avatar).half().render(torch.zeros(512)).image.isfinite().all()
    refused(lambda: copy.deepcopy(avatar).double().render(), 'avatar.float()', kind=ValueError)
    for device in ('cuda:99', 'gpu', 'meta!'): refused(lambda: load_model(device=device), 'cannot be used', kind=ValueError)
    refused(lambda: load_model('smoke'), "load_model(preset='smoke')", kind=FileNotFoundError)
    with pytest.warns(UserWarning, match='untrained'): assert load_model(preset='smoke').cfg.name == 'smoke'

def test_named_expressions(avatar, model):
    from instant4d.explore.driving import load_driver
    refused(lambda: avatar.render({'jawOpen': 1}), 'avatar.driver', kind=ValueError)      # another M
    bundled = load_model(); a = bundled.encode(torch.rand(3, 128, 128)); jaw = load_driver(bundled)({'jawOpen': 1})
    assert torch.equal(a.render({'jawOpen': 1}, size=64).image, a.render(jaw, size=64).image)
    assert len(list(a.animate([{}, jaw], size=32))) == 2
    refused(lambda: a.gaussians({'jawOpen': 'wide'}), 'jawOpen', kind=ValueError)
