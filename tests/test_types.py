"""What a type checker and an editor see of the package: no `Any` where a class is, and methods that notebooks added with `@patch`."""
import ast, inspect, subprocess, sys
from pathlib import Path
import pytest
import instant4d

ROOT = Path(__file__).resolve().parent.parent

SCRIPT = '''
from typing import assert_type
import numpy as np
from instant4d import Avatar, Camera, Frame, Gaussians, load_driver, load_model, load_preset, orbit, splat

model = load_model('laptop'); avatar = model.encode('me.jpg', refine=True)
assert_type(avatar, Avatar); assert_type(model.encode([b'', 'you.png']), list[Avatar])
code = model.motion(np.zeros((64, 64, 3), np.uint8), crop=False); print(code.shape[0])
frame = avatar.render({'jawOpen': 1.}, Camera.look(yaw=20), size=(64, 64)); assert_type(frame, Frame)
frame[0].pil().save('x.png'); print(frame.numpy().shape, frame.image.shape, frame.chw.mean())
g = avatar.gaussians(code).float().to('cpu').check(); g.save_ply('me.ply'); assert_type(Gaussians.load_ply('me.ply'), Gaussians)
avatar.save('me.safetensors'); again = Avatar.load('me.safetensors').bake(keep=.3)
for f in again.animate([code, {}], orbit(2), 64, progress=True): assert_type(f, Frame)
again.save_html('me.html', load_driver(model)); print(again.points.shape, again.detail is None, load_preset('smoke').model.image)
assert_type(splat(g, Camera.stack([Camera.look(), Camera.look(10)]).to('cpu')[0], 64), Frame)
'''


def test_the_front_door_tells_types():
    "The imports that type checkers read are the table from which names are loaded."
    tree = ast.parse((ROOT/'instant4d'/'__init__.py').read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == '_TYPES')
    assert {a.asname: n.module for n in block.body for a in n.names} == instant4d._NAMES
    assert all(a.name == a.asname for n in block.body for a in n.names), 'import X as X: else a type checker takes it for private'


def test_stubs_are_in_step(root):
    run = subprocess.run([sys.executable, 'tools/stubs.py', '--check'], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize('name', ['Avatar', 'Camera', 'Frame', 'Gaussians', 'Instant4D'])
def test_public_methods(name):
    "Each has a docstring, and stands in the stub."
    cls = getattr(instant4d, name); stub = Path(inspect.getfile(cls)).with_suffix('.pyi')
    inside = next(n for n in ast.parse(stub.read_text()).body if isinstance(n, ast.ClassDef) and n.name == name).body
    told = {n.name for n in inside if isinstance(n, ast.FunctionDef)}
    own = {k: v for k, v in vars(cls).items() if k[0] != '_' and (inspect.isfunction(v) or isinstance(v, (classmethod, property)))}
    assert own.keys() <= told and len(own) > 5
    assert [k for k, v in own.items() if not (v.__doc__ or getattr(v, '__func__', v).__doc__)] == []


@pytest.mark.slow
def test_a_users_script(tmp_path):
    "mypy finds nothing, and each `assert_type` holds."
    pytest.importorskip('mypy')
    (tmp_path/'user.py').write_text(SCRIPT)
    run = subprocess.run([sys.executable, '-m', 'mypy', '--python-version', '3.12', '--cache-dir', str(tmp_path/'cache'), 'user.py'], cwd=tmp_path,
                         env={'MYPYPATH': str(ROOT), 'PATH': ''}, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
