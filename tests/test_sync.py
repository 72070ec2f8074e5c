"""The notebooks, the package and README.md say the same, and the notebooks are clean. Runs on a copy, changes nothing."""
import hashlib, json, shutil, subprocess, sys
from pathlib import Path
import pytest

BIN = Path(sys.executable).parent
FOLDERS, FILES = ('nbs', 'instant4d', 'tools'), ('pyproject.toml', 'README.md')
SKIP = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', '*.safetensors', '.*')


@pytest.fixture
def tree(root, tmp_path)->Path:
    "A copy of what the three tools read and write."
    for f in FOLDERS: shutil.copytree(root/f, tmp_path/f, ignore=SKIP)
    for f in FILES:
        if (root/f).exists(): shutil.copy(root/f, tmp_path/f)
    return tmp_path


def digest(tree):
    files = [p for p in sorted(tree.rglob('*')) if p.is_file() and '__pycache__' not in p.parts]
    return {str(p.relative_to(tree)):hashlib.sha1(p.read_bytes()).hexdigest() for p in files}


def changes(tree, command, env):
    "The files that `command` changes in `tree`."
    before = digest(tree)
    run = subprocess.run(command, cwd=tree, env=env | {'PYTHONPATH':str(tree)}, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    after = digest(tree)
    return sorted(f for f in before.keys() | after.keys() if before.get(f) != after.get(f))


@pytest.mark.parametrize('command', ['nbdev-export', 'nbdev-clean'])
def test_nothing_to_do(tree, env, command): assert changes(tree, [str(BIN/command)], env) == []


def test_an_edited_module_is_noticed(tree, env):
    "The test above can fail: a module that was edited by hand is put back by the export."
    path = tree/'instant4d'/'config.py'
    path.write_text(path.read_text() + '\n# edited by hand\n')
    assert changes(tree, [str(BIN/'nbdev-export')], env) == ['instant4d/config.py']


def check_readme(tree):
    return subprocess.run([sys.executable, 'tools/readme.py', '--check'], cwd=tree, capture_output=True, text=True)


def test_readme(root):
    run = check_readme(root)
    assert run.returncode == 0, run.stderr


def test_an_edited_readme_is_noticed(tree):
    (tree/'README.md').write_text((tree/'README.md').read_text() + 'by hand\n')
    run = check_readme(tree)
    assert run.returncode == 1 and 'run python tools/readme.py' in run.stderr


def test_every_notebook_is_listed(root):
    text = json.dumps([c.get('outputs') for c in json.loads((root/'nbs'/'contents.ipynb').read_text())['cells']])
    missing = [p.name for p in (root/'nbs').rglob('[0-9]*.ipynb') if f']({p.relative_to(root/"nbs")})' not in text]
    assert missing == [], 'run nbdev-test nbs/contents.ipynb --save, nbdev-clean'
