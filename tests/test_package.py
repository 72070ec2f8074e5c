"""What a wheel must hold, and what other libraries must be able to read."""
import json, re, shutil, subprocess, sys, zipfile
from pathlib import Path
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent


def test_data_is_plain_webdataset(root):
    "The shards are what the webdataset library reads."
    wds = pytest.importorskip('webdataset')
    sample = next(iter(wds.WebDataset(str(root/'data_samples'/'heads-test.tar'), shardshuffle=False)))
    assert sample['__key__'] == '900000' and 'json' in sample


def test_seeds_of_the_splits(root):
    "Nothing of the published test split is in the bundled training shard."
    from instant4d.data.people import Heads
    train, test = (Heads(root/'data_samples'/f'heads-{k}.tar').people for k in ('train', 'test'))
    assert all(p['identity'] < 800_000 for p in train) and all(p['identity'] >= 900_000 for p in test)
    assert len(train) == 24 and len(test) == 64


def test_public_names():
    import instant4d
    for name in instant4d.__all__: assert getattr(instant4d, name) is not None
    with pytest.raises(AttributeError, match='splatt'): instant4d.splatt


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "The package as a wheel, unpacked in a folder of its own, far away from the repository; built from a copy, as setuptools writes beside its sources."
    out = tmp_path_factory.mktemp('wheel')
    shutil.copytree(ROOT, out/'source', ignore=shutil.ignore_patterns('.*', 'build', 'out', '__pycache__', '*.egg-info'))
    run = subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-q', '-w', str(out), str(out/'source')], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(next(out.glob('*.whl'))) as z: z.extractall(out/'site')
    return out/'site'


def in_wheel(site, folder, code):
    "Run code that finds the wheel and nothing else of ours."
    run = subprocess.run([sys.executable, '-c', code], cwd=folder, env={'PYTHONPATH': str(site), 'PATH': '', 'OMP_WAIT_POLICY': 'PASSIVE'}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_wheel_knows_every_preset(wheel, tmp_path):
    "In an empty folder, and in one whose settings.ini is another project's: all presets, the same numbers."
    from instant4d.config import as_dict, load_preset, preset_names
    code = 'import json; from instant4d.config import *; print(json.dumps({n: as_dict(load_preset(n)) for n in preset_names()}))'
    for text in (None, '[DEFAULT]\nlib_name = other', '[smoke.model]\nplanes = 8'):
        if text: (tmp_path/'settings.ini').write_text(text)
        assert json.loads(in_wheel(wheel, tmp_path, code)) == {n: as_dict(load_preset(n)) for n in preset_names()}


def test_wheel_runs_the_lines_of_the_readme(wheel, tmp_path):
    "Every Python line of README.md, with pictures of rendered heads in place of me.jpg and friend.jpg; all public names."
    for name, to in (('head-900001', 'me.jpg'), ('head-900005', 'friend.jpg')):
        Image.open(ROOT/'data_samples'/'portraits'/f'{name}.webp').convert('RGB').save(tmp_path/to)
    blocks = re.findall(r'```python\n(.*?)```', (ROOT/'README.md').read_text(), re.S); assert len(blocks) >= 2
    make = 'import torch\nmeans, quats, scales, opacities, colors = torch.rand(9,3), torch.randn(9,4), .1*torch.ones(9,3), .5*torch.ones(9), torch.rand(9,3)\n'
    said = in_wheel(wheel, tmp_path, make + '\n'.join(blocks) + '\nimport instant4d; [getattr(instant4d, n) for n in instant4d.__all__]; print(instant4d.__file__)')
    assert str(wheel) in said and {p.name for p in tmp_path.iterdir()} == {'me.jpg', 'friend.jpg', 'me.ply', 'me.avatar.safetensors'}


def test_wheel_holds_what_the_commands_need(wheel, tmp_path):
    "Far from the repository: the samples, the tour, stubs, and one line where an extra is missing; nothing is written then."
    package = wheel/'instant4d'
    for name in ('samples/heads-test.tar', 'samples/heads-train.tar', 'samples/driving.mp4', 'samples/portraits/head-900001.webp',
                 'samples/portraits/head-900005.webp', 'notebooks/00_tour.ipynb', 'py.typed', 'model/avatar.pyi'):
        assert (package/name).is_file(), name
    assert {p.relative_to(ROOT/'instant4d') for p in (ROOT/'instant4d').rglob('*.py')} == {p.relative_to(package) for p in package.rglob('*.py')}
    code = ('import sys\nfor m in ("fastcore", "anywidget", "viser", "accelerate", "matplotlib"): sys.modules[m] = None\n'
            'from instant4d.cli import main; from instant4d.data.shards import sample_shard; s = sample_shard(); p = str(s.with_name("heads-train.tar"))\n'
            'print(s); print([main(c.split()) for c in ("tour", "explore --no-browser", f"view {s}", f"train --preset smoke --heads {p} --out run", "train --dry-run")])')
    said = in_wheel(wheel, tmp_path, code)
    assert str(package/'samples') in said and '[2, 2, 2, 2, 0]' in said and list(tmp_path.iterdir()) == []


def test_heat_needs_no_matplotlib(monkeypatch):
    import torch
    from instant4d.images import heat
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert heat(torch.rand(4, 4)).shape == (4, 4, 3)
    with pytest.raises(ValueError, match='pip install matplotlib'): heat(torch.rand(4, 4), cmap='magma')


def test_version(capsys):
    from instant4d import __version__, cli
    with pytest.raises(SystemExit): cli.main(['--version'])
    assert capsys.readouterr().out == f'instant4d {__version__}\n'


def test_the_sources_are_of_the_oldest_python():
    import ast
    with pytest.raises(SyntaxError): ast.parse('try: pass\nexcept* ValueError: pass', feature_version=(3, 10))      # what a newer one brought
    for p in (ROOT/'instant4d').rglob('*.py'): ast.parse(p.read_text(), feature_version=(3, 10))
