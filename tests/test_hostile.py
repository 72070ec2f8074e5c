"""Weights that mean harm, and commands that make no sense: each gets its one line, before anything long begins."""

import json, os, time
from pathlib import Path
import pytest, torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from instant4d import cli, load_driver, load_model
from instant4d.files import bundled, checksum

def stored(name)->tuple:
    "Tensors and metadata of bundled weights."
    path = bundled(name)
    with safe_open(path, 'pt') as f: return load_file(path), dict(f.metadata())

def forge(path, name, tensors=None, about=None, **config):
    "A file with the right checksum and something wrong in it."
    own, meta = stored(name); own |= tensors or {}
    own = {k:v.contiguous() for k, v in own.items() if v is not None}
    a = json.loads(meta['about'])
    if config: a['config']['model'] |= config
    a |= about if isinstance(about, dict) else {}
    save_file(own, path, meta | dict(checksum=checksum(own), about=about if isinstance(about, str) else json.dumps(a)))
    return path

SCALE = 'encoder.blocks.0.mlp.0.weight.scale'
MODELS = {f'scales are {d}':(lambda d=d: dict(tensors={SCALE:stored('laptop.safetensors')[0][SCALE].to(d)}), 'weights are floats') for d in (torch.int32, torch.bool, torch.complex64, torch.uint8)}
MODELS |= {'width':(lambda: dict(width=100_000), '2048 at most'), 'depth':(lambda: dict(depth=1_000_000), '256 at most'), 'larger than its numbers':(lambda: dict(width=2048, depth=256), 'does not fit'),
           'planes':(lambda: dict(planes=100_000), '2048 at most'), 'no depth':(lambda: dict(depth=0), 'greater than 0'), 'width is a word':(lambda: dict(width='x'), 'whole number'),
           'a list for config':(lambda: dict(about=dict(config=[])), 'not a table'), 'a word for config':(lambda: dict(about=dict(config='x')), 'not a table'),
           'a list for model':(lambda: dict(about=dict(config=dict(model=[]))), 'not a table'), 'deep':(lambda: dict(about='['*100_000 + ']'*100_000), 'something else'),
           'no table':(lambda: dict(about='[]'), 'something else'), 'no json':(lambda: dict(about='{'), 'something else'), 'a driver':(lambda: dict(about=dict(kind='driver')), 'not an instant4d model')}

@pytest.mark.parametrize('kind', MODELS)
def test_model(kind, tmp_path):
    how, why = MODELS[kind]; path = forge(tmp_path/'a.safetensors', 'laptop.safetensors', **how()); start = time.perf_counter()
    with pytest.raises(ValueError) as e: load_model(path)
    said = str(e.value); assert str(path) in said and why in said and '\n' not in said and len(said) < 400 and time.perf_counter() - start < 20

DRIVERS = {'no matrix':dict(tensors=dict(matrix=None)), 'no rest':dict(tensors=dict(rest=None)), 'few names':dict(about=dict(names=['a'])), 'numbers for names':dict(about=dict(names=[1]*53)),
           'a word for names':dict(about=dict(names='x'*53)), 'no names':dict(about=dict(names=None)), 'another M':dict(about=dict(motion='0')), 'more':dict(tensors=dict(more=torch.ones(3))),
           'another shape':dict(tensors=dict(rest=torch.ones(511)))}

@pytest.mark.parametrize('kind', DRIVERS)
def test_driver(kind, tmp_path):
    path = forge(tmp_path/'a.safetensors', 'driver.safetensors', **DRIVERS[kind])
    with pytest.raises(ValueError, match='a.safetensors: .*fit a new one with fit_driver'): load_driver(load_model(), path)


ME, CLIP, HEADS = 'data_samples/portraits/head-900003.webp', 'data_samples/driving.mp4', 'data_samples/heads-train.tar'
def animate(*more, me=ME, clip=CLIP, out='o.mp4'): return ['animate', me, clip, '-o', out, *more]

COMMANDS = [[], ['fly'], ['animate'], animate(me='nobody.jpg'), animate(clip='nobody.mp4'), animate(clip='data_samples'), animate(me='data_samples'), animate(out='o.avi'), animate(out=''), animate(out='.'),
            animate(out=CLIP), animate(out='./data_samples/../' + CLIP), animate(me='a'*5000), animate(clip='b'*5000), animate(me='loop'), animate(clip='loop'), animate(clip='/dev/zero'), animate(clip='pipe'), animate(me='pipe'),
            animate('--also', 'nobody.jpg'), animate('--also', 'pipe'), animate(clip='empty.csv'), animate(clip='words.mp4'), animate(clip='list.mp4'), animate(clip='empty.gif'), animate(clip='nul.csv'),
            *(animate(f'--{flag}', v) for flag, vs in dict(fps='nan 0 -1 inf 1e9 x', size='0 -3 3.5 100000 nan x', frames='0 -1 x', yaw='nan inf 1e9 x', face='x', driver_face='x').items()
              for flag, v in ((flag.replace('_', '-'), v) for v in vs.split())),
            *(animate('--weights', w) for w in ('nobody', 'words.mp4', 'data_samples', HEADS, 'fly.pth')),
            ['page', ME, '-o', 'o.txt'], ['page', ME, '-o', 'o.html', '--driving', 'nobody.mp4'], ['page', ME, '-o', 'o.html', '--second', 'nobody.jpg'], ['page', ME, '-o', 'o.html', '--frames', '0'], ['page', 'pipe', '-o', 'o.html'],
            *(['train', '--heads', HEADS, '--out', 'o', f'--{flag}', v] for flag, vs in dict(minutes='nan -3 0 x', every='0 -1 x', held='nobody.tar words.mp4', start='nobody words.mp4', motion='nobody', preset='fly', settings='nobody.ini data_samples').items() for v in vs.split()),
            *(['train', '--heads', HEADS, '--out', 'o', '--set', s] for s in ('name=x', 'path=x', 'x', '=', 'train.lr=', 'train.lr=nan', 'train.lr=1e400', 'model.width=9999999', 'model.depth=-1', 'model.fly=1', 'train.batch=x', 'train.steps=1.5')),
            ['train', '--heads', 'nobody'], ['train', '--heads', 'loop'], ['train', '--heads', 'words.mp4'], ['train', '--out', 'words.mp4', '--heads', HEADS], ['train'],
            *(['heads', '-o', 'o', '--identities', s] for s in ('5:5', 'a:b', '7', '-1:3', '0:99999999', '')), *(['heads', '-o', 'o', '--identities', '0:1', f'--{f}', v] for f, v in (('size', '0'), ('size', 'x'), ('yaw', 'nan'), ('pitch', '-5'), ('expressions', '0'), ('views', '0'), ('workers', '0'), ('per-shard', '0'))),
            ['evaluate', '--people', '0'], ['evaluate', '--people', '-1'], ['evaluate', '--seed', '-1'], ['evaluate', '--clip', 'nobody.mp4'], ['evaluate', '--heads', 'nobody'], ['evaluate', '--depth', 'nobody'], ['evaluate', '--smirk', 'nobody'],
            ['evaluate', '--checkpoint', 'nobody'], ['evaluate', '--out', 'words.mp4'], ['evaluate', '--arcface', 'nobody'],
            *(['ablate', HEADS, '--out', 'o', f'--{f}', v] for f, v in (('seeds', '-1'), ('minutes', 'nan'), ('minutes', '-1'), ('people', '0'), ('names', 'fly'), ('preset', 'fly'))), ['ablate', 'nobody', '--out', 'o'],
            ['bench', 'fly'], ['bench', '--preset', 'fly'], ['bench', 'gpu'], ['bench', 'gpu', '--heads', 'nobody'], ['bench', '--minutes', '3'],
            ['data', 'import', 'nobody', '-o', 'o'], ['data', 'import', 'loop', '-o', 'o'], ['data', 'check', 'nobody'], ['data', 'check', 'loop'], ['data', 'check', '/dev/null'], ['data', 'check', 'words.mp4'],
            ['presets', '--settings', 'nobody.ini'], ['presets', '--settings', 'big.ini'], ['presets', '--settings', 'strange.ini'], ['presets', '--settings', 'data_samples'],
            ['explore', '--port', '0'], ['explore', '--port', '99999'], ['explore', 'nobody.jpg'], ['explore', ME, ME, ME], ['facekit', 'nobody'], ['framer', 'nobody', '-o', 'f'], ['driver', 'nobody', '-o', 'f'], ['tour', '--out', '/dev/null/x'], ['tour', '--out', 'words.mp4']]

@pytest.fixture(scope='module')
def place(tmp_path_factory):
    "A folder of oddities."
    here = tmp_path_factory.mktemp('odd')
    (here/'data_samples').symlink_to(Path(__file__).parents[1]/'data_samples'); (here/'loop').symlink_to('loop'); os.mkfifo(here/'pipe')
    for name, text in {'words.mp4':'words', 'list.mp4':"ffconcat version 1.0\nfile 'data_samples/driving.mp4'\n", 'empty.csv':'', 'empty.gif':'', 'nul.csv':'a\0b,c\n1,2\n',
                       'big.ini':'[mine.model]\nimage = ' + '9x'*500_000, 'strange.ini':'[mine.modle]\nimage = 64\n', 'fly.pth':'words'}.items(): (here/name).write_text(text)
    return here

@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
@pytest.mark.parametrize('argv', COMMANDS, ids=lambda a: ' '.join(x[:24] for x in a) or 'nothing')
def test_command(argv, place, monkeypatch, capsys):
    "Exit code 2 (1 for a check that found something), one line, in seconds, and nothing left behind."
    monkeypatch.chdir(place); before, start = sorted(os.listdir(place)), time.perf_counter()
    try: code = cli.main(argv)
    except SystemExit as e: code = e.code
    err = capsys.readouterr().err
    said = [l for l in err.replace('\r', '\n').splitlines() if l.strip() and not l.startswith(('refine:', '  '))]
    assert code == 2 and len(said) == 1 and said[0].startswith('instant4d') and len(said[0]) < 5600, (code, said)
    assert sorted(os.listdir(place)) == before and time.perf_counter() - start < 30
