"""The house: where things live, who may import whom, and the size of what one reads at once."""
import ast, json, re, statistics, subprocess, sys
from collections import defaultdict
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
NBS, PACKAGE = ROOT/'nbs', ROOT/'instant4d'
sys.path.insert(0, str(ROOT/'tools')); from reading import CORE, RING, minutes     # the path a reader walks first
notebooks = sorted(p for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
numbered = [p for p in notebooks if p.name[0].isdigit()]


def cells(path, kind): return [''.join(c['source']) for c in json.loads(path.read_text())['cells'] if c['cell_type'] == kind]
def lines(code): return sum(bool(l.strip()) for l in code.split('\n'))

def words(prose):
    "Words one reads: without formulas on their own lines, code, pictures and the addresses of links."
    prose = re.sub(r"^\|.*$", " ", prose, flags=re.M)                 # tables are looked up, not read
    prose = re.sub(r'\$\$.*?\$\$|```.*?```|\[!\[.*?\)\]\(.*?\)|!\[.*?\]\(.*?\)', ' ', prose, flags=re.S)
    return len(re.sub(r'\]\(.*?\)', ']', prose).split())

def exporting():
    "Notebook -> the module it makes, as a path below the package."
    for p in numbered:
        if m := re.search(r'#\| default_exp ([\w.]+)', p.read_text()): yield p, PACKAGE.joinpath(*m[1].split('.')).with_suffix('.py')


# ------------------------------------------------------------------------------------------------- what one reads at once

@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_cells_are_short(path):
    long = [(n, s.split('\n')[:2]) for s in cells(path, 'code') if (n := lines(s)) > 25]
    assert not long, 'a code cell has at most 25 lines'


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_prose_is_short(path):
    long = [(n, s[:60]) for s in cells(path, 'markdown') if (n := words(s)) > 80]
    assert not long, 'a cell of prose has at most 80 words'


@pytest.mark.parametrize('name', CORE)
def test_the_core_path_grows_in_small_steps(name):
    path = next(p for p in numbered if p.stem == name)
    size = statistics.median(lines(s) for s in cells(path, 'code') if lines(s))
    assert size <= 4, f'half of the code cells have at most 4 lines, here {size}'


def test_the_core_path_takes_two_hours():
    "The stations stand in one folder, say where they are and how long they take, and what comes before and next."
    at = {p.stem: p for p in numbered}; order = list(CORE); took = [minutes(at[n]) for n in order]
    assert sorted(p.stem for p in (NBS/'core').glob('*.ipynb')) == order[1:] and set(RING) <= set(at)
    assert sum(took) <= 125, f'{sum(took):.0f} minutes'
    for k, n in enumerate(order[1:], 1):
        first = cells(at[n], 'markdown')[0]; said = int(re.search(rf'\*Station {k} of 9, (\d+) minutes\.', first)[1])
        assert said == round(took[k]), f'{n}: says {said} minutes, counted {took[k]:.1f}'
        links = re.findall(r'\]\(([^)]*\.ipynb)\)', first)
        assert order[k-1] in ''.join(links) and (k == 9 or f'{order[k+1]}.ipynb' in links)


def test_the_readme_is_short_and_counts_right():
    text = re.sub(r'<!--.*?-->', '', (ROOT/'README.md').read_text()); at = {p.stem: p for p in numbered}
    assert words(text) <= 900
    assert [n for n in CORE if not re.search(rf'\[{n}\]\([^)]*\) \| [^|]* \| {minutes(at[n]):.0f} \|', text)] == [], 'run nbdev-test nbs/index.ipynb --save, tools/readme.py'


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_committed_size(path): assert path.stat().st_size < 400 * 1024, 'a notebook stays under 400 KB with its outputs'


@pytest.mark.parametrize('path', [p for p in numbered if p.stem != '00_tour'], ids=lambda p: p.stem)
def test_solutions_are_folded(path):
    "An exercise is a question, an empty cell and a fold: nobody sees a solution while scrolling. `test_notebooks` runs what the folds hold."
    every = [(c['cell_type'], ''.join(c['source']), c.get('outputs')) for c in json.loads(path.read_text())['cells']]
    rest = every[1 + next(i for i, (_, s, _) in enumerate(every) if s == '## Exercises'):]
    assert len(rest) % 3 == 0 and rest
    for k in range(0, len(rest), 3):
        (a, question, _), (b, code, out), (c, fold, _) = rest[k:k+3]
        assert (a, b, c) == ('markdown', 'code', 'markdown') and question.startswith((f'**{k//3 + 1}.**', f'**{k//3 + 1}. '))
        assert code == '# your turn' and not out
        assert fold.startswith(f'<details><summary>Solution {k//3 + 1}</summary>') and fold.endswith('</details>')


# ------------------------------------------------------------------------------------------------------ where things live

def test_notebooks_lie_where_their_modules_lie():
    "nbs/splatting/13_oracle.ipynb makes instant4d/splatting/oracle.py; every module comes from a notebook, but for two."
    made = dict(exporting())
    for nb, module in made.items():
        assert module.parent.relative_to(PACKAGE) == nb.parent.relative_to(NBS) and module.stem == nb.stem[3:], (nb.name, module.name)
    by_hand = {p for p in PACKAGE.rglob('*.py') if p not in made.values()} - set(PACKAGE.rglob('__init__.py'))
    assert {p.name for p in by_hand} == {'__main__.py', '_modidx.py'}
    assert len({p.name[:2] for p in numbered}) == len(numbered), 'two notebooks have one number'


def test_contributing_lists_every_module():
    "Folder by folder, in the order of the notebooks."
    tree = (ROOT/'CONTRIBUTING.md').read_text().split('```')[1]
    listed = {folder: re.split(r',', rest)[0].split() for folder, rest in re.findall(r'^ *(\w+)/ +(.*)$', tree, re.M)}
    for folder in sorted({m.parent for _, m in exporting()}):
        there = [m.stem for _, m in sorted(exporting(), key=lambda x: x[0].name) if m.parent == folder]
        assert listed[folder.name] == there, folder.name


def test_no_name_is_exported_twice():
    where = defaultdict(list)
    for _, module in exporting():
        body = ast.parse(module.read_text()).body
        names = next(ast.literal_eval(n.value) for n in body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == '__all__')
        for name in names: where[name].append(module.stem)
    assert {n: m for n, m in where.items() if len(m) > 1} == {} and len(where) > 500


def test_every_file_is_read_by_somebody():
    "Pictures, results, weights and scripts that nothing mentions are left over."
    texts = [p.read_text() for p in (*notebooks, *PACKAGE.rglob('*.py'), *(ROOT/'tools').glob('*.py'), *(ROOT/'tests').glob('*.py'), *ROOT.glob('*.md'),
                                     ROOT/'Makefile', ROOT/'data_samples'/'README.md')]
    files = [p for f in (NBS/'images', NBS/'results', PACKAGE/'weights', ROOT/'tools', ROOT/'tests'/'data', ROOT/'data_samples') for p in f.glob('*') if p.is_file()]
    stem = lambda p: p.stem.replace('late-feature', 'late-').replace('late-spatial', 'late-')          # their names are put together
    assert [p.name for p in files if not any(stem(p) in t for t in texts)] == [] and len(files) > 15


# ------------------------------------------------------------------------------------------------- who may import whom

ORDER = 'splatting model data teacher training evaluation explore'.split()      # folders, from the bottom up

def imports(path):
    "Modules of ours that a file imports anywhere, absolute or relative, also inside functions; as parts of their names."
    home = path.relative_to(ROOT).with_suffix('').parts
    for n in ast.walk(ast.parse(path.read_text())):
        if isinstance(n, ast.Import):
            for a in n.names:
                if a.name.startswith('instant4d.'): yield tuple(a.name.split('.'))
        elif isinstance(n, ast.ImportFrom):
            base = home[:len(home) - n.level] if n.level else ()
            full = (*base, *(n.module.split('.') if n.module else ()))
            if full[:1] != ('instant4d',): continue
            for a in n.names:                               # `from package import module` names the module last
                deeper = ROOT.joinpath(*full, a.name).with_suffix('.py')
                yield (*full, a.name) if deeper.exists() else full


def graph():
    "Module -> the modules it imports; a package stands for its __init__.py, the top one is left out."
    found = {}
    for p in PACKAGE.rglob('*.py'):
        if p.name in ('_modidx.py', '__main__.py') or p.parent == PACKAGE and p.name == '__init__.py': continue
        name = p.relative_to(ROOT).with_suffix('').parts
        found[name[:-1] if name[-1] == '__init__' else name] = {m for m in imports(p) if len(m) > 1}
    return found


def test_imports_go_down():
    "A module imports only from notebooks with a lower number, and from folders below its own."
    number = {('instant4d', *m.relative_to(PACKAGE).with_suffix('').parts): int(nb.name[:2]) for nb, m in exporting()}
    level = lambda m: ORDER.index(m[1]) if m[1] in ORDER else 99 if m[1] == 'cli' else -1
    edges = [(a, b) for a, bs in graph().items() for b in bs]
    assert [(a, b) for a, b in edges if number.get(a, 99) <= number.get(b, -1) and len(a) > 2 - (a[-1] == 'cli')] == []
    assert [(a, b) for a, b in edges if level(a) < level(b)] == [] and len(edges) > 150


def test_imports_make_no_circle():
    g, done, path = graph(), set(), []
    def walk(m):
        if m in path: raise AssertionError(' -> '.join('.'.join(x[1:]) for x in path[path.index(m):] + [m]))
        if m in done: return
        path.append(m)
        for x in g.get(m, ()): walk(x)
        path.pop(); done.add(m)
    for m in g: walk(m)


def test_a_circle_would_be_noticed(tmp_path, monkeypatch):
    "The three tests above can fail: an import inside a function, upwards, in absolute words, is seen."
    path = tmp_path/'instant4d'/'splatting'/'oracle.py'; path.parent.mkdir(parents=True)
    path.write_text('def late():\n    from instant4d.training.loop import train\n    from ..model import avatar\n')
    monkeypatch.setattr(sys.modules[__name__], 'ROOT', tmp_path)
    (tmp_path/'instant4d'/'model').mkdir(); (tmp_path/'instant4d'/'model'/'avatar.py').touch()
    assert set(imports(path)) == {('instant4d', 'training', 'loop'), ('instant4d', 'model', 'avatar')}


def test_the_front_door_is_light(env):
    "`import instant4d` loads no torch and takes less than a second; what it offers comes when it is asked for."
    code = ('import time; t = time.perf_counter(); import instant4d, sys; t = time.perf_counter() - t\n'
            'assert t < 1 and "torch" not in sys.modules, t; instant4d.Gaussians; assert "torch" in sys.modules and "splat" in dir(instant4d)\n'
            'assert callable(instant4d.splat) and callable(instant4d.Gaussians.load_ply) and callable(instant4d.Avatar.bake)')
    run = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# --------------------------------------------------------------------------------------------------------- how it is written

def public():
    "Public functions and methods of the package, with where they stand."
    for _, module in exporting():
        for n in ast.parse(module.read_text()).body:
            inner = [m for m in n.body if isinstance(m, ast.FunctionDef)] if isinstance(n, ast.ClassDef) else []
            for m in (n, *inner):
                if isinstance(m, (ast.FunctionDef, ast.ClassDef)) and not m.name.startswith('_') and m.name != 'forward':
                    yield f'{module.stem}.{n.name}' + (f'.{m.name}' if m is not n else ''), m


def test_public_functions_say_what_they_do():
    assert [name for name, f in public() if not ast.get_docstring(f)] == []


def test_only_the_command_line_prints():
    calls = [(m.stem, n.lineno) for _, m in exporting() if m.stem != 'cli' for n in ast.walk(ast.parse(m.read_text()))
             if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'print']
    assert calls == []


def test_no_trampolines():
    "A method whose one line hands its arguments to a function of the module: use `patch` instead."
    for _, module in exporting():
        tree = ast.parse(module.read_text()); tops = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        for c in (n for n in tree.body if isinstance(n, ast.ClassDef)):
            for f in (f for f in c.body if isinstance(f, ast.FunctionDef) and f.args.args and f.args.args[0].arg == 'self' and f.name != 'forward'):
                body = [s for s in f.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
                call = getattr(body[0], 'value', None) if len(body) == 1 else None
                if not isinstance(call, ast.Call) or getattr(call.func, 'id', '') not in tops: continue
                first = call.args[0] if call.args else None
                assert getattr(first, 'id', '') != 'self', f'{module.stem}.{c.name}.{f.name}'
