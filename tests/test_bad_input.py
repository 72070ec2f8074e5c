"""Bad input: one clear line that names what was wrong and says what to do, and nothing half-written left behind."""
import os
import numpy as np, pytest, torch
from PIL import Image
from instant4d import config, images


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
    'part':(dict(planes=3), ["'planes'", 'model_']),
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


def test_settings_missing(tmp_path): refused(lambda: config.load_preset(path=tmp_path/'no.ini'), 'no.ini', kind=FileNotFoundError)

@pytest.mark.parametrize('d, word', [({'modle':{}}, 'modle'), ({'model':{'colour':1}}, 'colour'), ({'train':{'lr':'x'}}, 'lr')])
def test_checkpoint_metadata(d, word): refused(lambda: config.from_dict(d), 'configuration', word, kind=ValueError)


def test_foreign_settings_are_passed_over(tmp_path, monkeypatch):
    "Another project's settings.ini between us and ours does not count."
    (tmp_path/'settings.ini').write_text('[mine.model]\nplanes = 8')
    (tmp_path/'sub').mkdir()
    (tmp_path/'sub'/'settings.ini').write_text('[DEFAULT]\nlib_name = other')
    monkeypatch.chdir(tmp_path/'sub')
    assert config.find_settings() == tmp_path/'settings.ini'
    assert config.load_preset('mine').model.planes == 8


# ------------------------------------------------------------------------------------------------------------- images

def picture(size=(64, 48)): return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))

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


@pytest.mark.parametrize('case', ['missing', 'text', 'empty', 'folder', '1x1', 'thin', 'truncated', 'broken', 'no face'])
@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_portrait_file(case, suffix, tmp_path):
    if (case, suffix) == ('broken', '.jpg'): pytest.skip('a JPEG with a damaged middle still shows a picture')
    path = tmp_path/f'me{suffix}'
    make(path, case)
    refused(lambda: images.load_portrait(path, 64), path, folder=tmp_path, kind=FileNotFoundError if case == 'missing' else ValueError)
    if case == 'no face': assert images.load_portrait(path, 64, crop=False).shape == (3, 64, 64)


TENSORS = {'shape':torch.zeros(3, 64, 32), 'batch':torch.zeros(1, 3, 64, 64), 'last':torch.zeros(64, 64, 3), 'bytes':torch.zeros(3, 64, 64, dtype=torch.uint8),
           'nan':torch.full((3, 64, 64), float('nan')), 'inf':torch.full((3, 64, 64), float('inf')), 'range':torch.full((3, 64, 64), 128.),
           'negative':torch.full((3, 64, 64), -1.)}

@pytest.mark.parametrize('case', TENSORS)
def test_portrait_tensor(case): refused(lambda: images.load_portrait(TENSORS[case], 64), 'the portrait', kind=ValueError)


def nowhere(tmp_path, name):
    "A path below something that is not a folder: no user may write there, not even the administrator."
    (tmp_path/'file').write_text('in the way')
    return tmp_path/'file'/name


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.webp', 'a.gif', 'a.mp4'])
def test_unwritable_folder(name, tmp_path):
    path = nowhere(tmp_path, name)
    write = images.write_video if name == 'a.mp4' else images.save_image
    refused(lambda: write(path, [picture()] if name == 'a.mp4' else picture()), path, 'cannot be written', folder=tmp_path, kind=ValueError)


@pytest.mark.skipif(os.name == 'nt' or os.geteuid() == 0, reason='an administrator may write everywhere')
def test_read_only_folder(tmp_path):
    (tmp_path/'locked').mkdir(mode=0o555)
    refused(lambda: images.save_image(tmp_path/'locked'/'a.png', picture()), 'cannot be written', folder=tmp_path, kind=ValueError)


def failing(): yield picture(); raise RuntimeError('the renderer gave up')

WRITES = {
    'picture suffix':(lambda p: images.save_image(p/'a.txt', picture()), ['a.txt', '.png']),
    'picture without suffix':(lambda p: images.save_image(p/'a', picture()), ['.png']),
    'picture nan':(lambda p: images.save_image(p/'a.png', torch.full((3, 8, 8), float('nan'))), ['NaN']),
    'picture shape':(lambda p: images.save_image(p/'a.png', torch.zeros(2, 3, 8, 8)), ['(2, 3, 8, 8)']),
    'clip suffix':(lambda p: images.write_video(p/'a.avi', [picture()]), ['a.avi', '.mp4']),
    'no frames':(lambda p: images.write_video(p/'a.mp4', []), ['a.mp4', 'no frames']),
    'uneven frames':(lambda p: images.write_video(p/'a.mp4', [picture(), picture((32, 32))]), ['frame 1']),
    'uneven gif':(lambda p: images.write_video(p/'a.gif', [picture(), picture((32, 32))]), ['frame 1']),
    'fps':(lambda p: images.write_video(p/'a.mp4', [picture()], fps=0), ['fps']),
    'a frame with nan':(lambda p: images.write_video(p/'a.mp4', [picture(), torch.full((3, 48, 64), float('nan'))]), ['NaN']),
}

@pytest.mark.parametrize('case', WRITES)
def test_write(case, tmp_path):
    call, words = WRITES[case]
    refused(lambda: call(tmp_path), *words, folder=tmp_path, kind=ValueError)


@pytest.mark.parametrize('name', ['a.mp4', 'a.gif'])
def test_a_render_that_fails_leaves_nothing(name, tmp_path):
    refused(lambda: images.write_video(tmp_path/name, failing()), 'gave up', folder=tmp_path, kind=RuntimeError)


def test_a_failing_write_keeps_the_old_file(tmp_path):
    images.write_video(tmp_path/'a.mp4', [picture()]*3)
    old = (tmp_path/'a.mp4').read_bytes()
    refused(lambda: images.write_video(tmp_path/'a.mp4', failing()), 'gave up', folder=tmp_path, kind=RuntimeError)
    assert (tmp_path/'a.mp4').read_bytes() == old


@pytest.mark.parametrize('case', ['missing', 'text', 'empty', 'folder', 'truncated'])
def test_clip(case, tmp_path):
    path = tmp_path/'talk.mp4'
    if case == 'truncated':
        images.write_video(path, [picture()]*5)
        path.write_bytes(path.read_bytes()[:400])
    else: make(path, case)
    refused(lambda: images.read_video(path), path, folder=tmp_path, kind=FileNotFoundError if case == 'missing' else ValueError)
