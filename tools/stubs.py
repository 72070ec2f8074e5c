"""Stubs of the classes that users hold: `@patch` adds methods from many notebooks, and no type checker or editor looks there.

    python tools/stubs.py           # write instant4d/**/*.pyi of the modules below
    python tools/stubs.py --check   # say which of them are out of date

Comments and docstrings come along: an editor shows them, and "go to definition" leads here, where the line above each
method says which module holds its body.
"""
import argparse, ast, builtins, io, re, sys, tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent; PACKAGE = ROOT/'instant4d'
STUBBED = 'splatting/gaussians', 'splatting/cameras', 'model/avatar', 'model/model'
PROPERTIES = dict(shape='torch.Size', n='int', device='torch.device', dtype='torch.dtype', position='Tensor', world2cam='Tensor', chw='Tensor')
ATTRIBUTES = dict(                              # what no annotation in the class says
    Avatar=['detail: Tensor|None', 'framing: Framing', 'report: dict[str, Any]', 'driver: Driver|None', 'reader: str|None', 'short: bool'],
    Instant4D=['encoder: nn.Module', 'phi: GaussianDecoder', 'psi: MotionDecoder', 'about: dict[str, Any]'])
ELSEWHERE = dict(Framing='model.photos', Driver='explore.driving', GaussianDecoder='model.decoding', MotionDecoder='model.motion')   # of these
SEVERAL = {'Instant4D.encode': 'list[Avatar]'}  # what a list as the first argument gives
HEAD = '''"""Types of {name}, for type checkers and editors."""
# Made by tools/stubs.py from the exported modules: do not edit.
import builtins
from typing import Any, overload
from typing_extensions import Self
'''


def names_in(node): return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node else set()


class Module:
    "A module of the package, read and not run."
    def __init__(self, path:Path):
        self.path, self.text = path, path.read_text(encoding='utf-8')
        self.name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        self.body = ast.parse(self.text).body
        self.imports = {a.asname or a.name: (n, a) for n in self.body if isinstance(n, ast.ImportFrom) for a in n.names}

    def own(self):
        "Names defined here."
        return {n.name for n in self.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}

    def line_for(self, name):
        "The import of a name that is used here, for another module."
        if name in self.own(): return f'from {self.name} import {name}'
        if name not in self.imports: return None
        n, a = self.imports[name]; base = self.name.split('.')[:-n.level] if n.level else []
        return f'from {".".join([*base, *filter(None, [n.module])])} import {ast.unparse(a)}'

    def patches(self):
        "(class, function) of each method added here."
        for f in self.body:
            if isinstance(f, ast.FunctionDef) and any('patch' in names_in(d) for d in f.decorator_list):
                yield f.args.args[0].annotation.id, f


def gives(f)->str:
    "The type of what a function without an annotation returns, if its text tells."
    found = [n.value for n in ast.walk(f) if isinstance(n, ast.Return) and n.value is not None]
    if not found and not any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in ast.walk(f)): return 'None'
    same = ('self', 'cls', 'self.map', 'type(self)')
    return 'Self' if all(ast.unparse(v.func if isinstance(v, ast.Call) else v) in same for v in found) else 'Any'


def signature(m:Module, f, hide=(), several=''):
    "The text of a function up to its body, comments and all, with types where it has none."
    lines = m.text.split('\n'); at = lambda l, c: sum(len(x) + 1 for x in lines[:l-1]) + len(lines[l-1].encode()[:c].decode())
    start, end = at(f.lineno, f.col_offset), at(f.body[0].lineno, f.body[0].col_offset)
    edits, a = [], f.args; every = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    defaults = dict(zip(reversed([*a.posonlyargs, *a.args]), reversed(a.defaults))) | dict(zip(a.kwonlyargs, a.kw_defaults))
    for k, p in enumerate([*every, *filter(None, [a.vararg, a.kwarg])]):
        d, t = defaults.get(p), p.annotation; name_end = at(p.lineno, p.col_offset) + len(p.arg)
        if k == 0 and p.arg in ('self', 'cls'):
            edits.append((name_end, at(p.end_lineno, p.end_col_offset), '')); continue
        if several and k == 1: edits.append((name_end, at(p.end_lineno, p.end_col_offset), ':list[Any]|tuple[Any, ...]'))
        elif t is None: edits.append((name_end, name_end, ':Any'))
        else:
            text = m.text[at(t.lineno, t.col_offset):at(t.end_lineno, t.end_col_offset)]
            for b in hide & names_in(t): text = text.replace(b, f'builtins.{b}')
            none = '|None' if isinstance(d, ast.Constant) and d.value is None else ''
            edits.append((at(t.lineno, t.col_offset), at(t.end_lineno, t.end_col_offset), text + none))
        if d is not None and not isinstance(d, (ast.Constant, ast.UnaryOp)): edits.append((at(d.lineno, d.col_offset), at(d.end_lineno, d.end_col_offset), '...'))
    text = m.text[start:end]
    for lo, hi, new in sorted(edits, reverse=True): text = text[:lo-start] + new + text[hi-start:]
    colon, depth = None, 0
    for tok in tokenize.generate_tokens(io.StringIO(text.rstrip() + '\n    pass').readline):
        depth += (tok.string in '([{') - (tok.string in ')]}') if tok.type == tokenize.OP else 0
        if tok.string == ':' and depth == 0: colon = tok.start; break
    rows = text.rstrip().split('\n'); l, c = colon; head = rows[l-1]
    if several: head = head[:head.rindex('->', 0, c)] + f'->{several}' + head[c:]
    elif f.returns is None: head = head[:c] + f'->{gives(f)}' + head[c:]
    rows[l-1] = head
    own = len(lines[f.lineno-1]) - len(lines[f.lineno-1].lstrip())
    return [r[own:] if not r[:own].strip() else r for r in rows]


def stub_of(m:Module, f, deep=0, where='', hide=(), cls=''):
    "Lines of a function in a stub."
    decorators = [ast.unparse(d) for d in f.decorator_list]
    keep = [f'@{d}' for d in decorators if d in ('classmethod', 'staticmethod', 'property')]
    if any('cls_method=True' in d for d in decorators): keep.append('@classmethod')
    if any('as_prop=True' in d for d in decorators): keep.append('@property')
    doc = ast.get_docstring(f, clean=False) is not None
    body = ['    ' + x.strip() for x in ast.get_source_segment(m.text, f.body[0]).split('\n')] if doc else []
    many = SEVERAL.get(f'{cls}.{f.name}'); out = [f'# {where}'] if where else []
    for several in ([many, ''] if many else ['']):
        out += [*(['@overload'] if many else []), *keep, *signature(m, f, set(hide), several), *body, '    ...']
    return ['    '*deep + x for x in out]


def class_stub(m:Module, c, added):
    "Lines of a class, with what other notebooks add to it."
    added = {f.name: (other, f) for other, f in added}
    out = [*('@' + ast.unparse(d) for d in c.decorator_list), f'class {c.name}' + (f'({", ".join(map(ast.unparse, c.bases))})' if c.bases else '') + ':']
    if doc := ast.get_docstring(c, clean=False): out.append(f'    {doc!r}' if '"' in doc else f'    "{doc}"')
    methods = {n.name for n in c.body if isinstance(n, ast.FunctionDef)}; hide = (methods | set(added)) & set(dir(builtins))
    for n in c.body:
        if isinstance(n, ast.AnnAssign): out.append('    ' + m.text.split('\n')[n.lineno-1].strip())
        elif isinstance(n, ast.Assign) and isinstance(n.value, ast.Call) and ast.unparse(n.value.func) == 'property':
            name = n.targets[0].id; told = next((ast.unparse(k.value) for k in n.value.keywords if k.arg == 'doc'), None)
            out += ['    @property', f'    def {name}(self)->{PROPERTIES[name]}:', *([f'        {told}'] if told else []), '        ...']
        elif isinstance(n, ast.Assign): out.append(f'    {n.targets[0].id}: {typed(n.value)}')
        elif isinstance(n, ast.FunctionDef):
            if n.name == '__init__': out += [f'    {p.arg}: {ast.unparse(p.annotation)}' for p in n.args.args if p.annotation]
            if n.name not in added: out += stub_of(m, n, 1, hide=hide, cls=c.name)
    out += [f'    {a}' for a in ATTRIBUTES.get(c.name, ())]
    for other, f in added.values(): out += stub_of(other, f, 1, other.name, hide, c.name)
    return out if len(out) > 1 else [*out, '    ...']


def typed(value)->str:
    "The type of a constant."
    try: v = ast.literal_eval(value)
    except ValueError: return 'Any'
    return 'Any' if v is None else 'tuple[str, ...]' if isinstance(v, tuple) and all(isinstance(x, str) for x in v) else type(v).__name__


def make(m:Module, modules)->str:
    "The whole stub of a module."
    here = {n.name for n in m.body if isinstance(n, ast.ClassDef)}
    added = {c: [(o, f) for o in modules for k, f in o.patches() if k == c] for c in here}
    out, need = [], {n: f'from instant4d.{o} import {n}' for n, o in ELSEWHERE.items() if n not in m.imports}
    for other, f in (x for fs in added.values() for x in fs if x[0] is not m):
        used = set().union(*(names_in(p.annotation) for p in [*f.args.args[1:], *f.args.kwonlyargs]), names_in(f.returns))
        for name in used - here - set(m.imports):
            if line := other.line_for(name): need[name] = line
    for n in m.body:
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and n.targets[0].id != '__all__': out.append(f'{n.targets[0].id}: {typed(n.value)}')
        elif isinstance(n, ast.ClassDef): out += ['', *class_stub(m, n, added[n.name])]
        elif isinstance(n, ast.FunctionDef) and not any('patch' in names_in(d) for d in n.decorator_list): out += ['', *stub_of(m, n)]
    text = '\n'.join(x.rstrip() for x in out) + '\n'; used = set(re.findall(r'\w+', re.sub(r'#.*|".*?"', '', text)))
    return HEAD.format(name=m.name) + '\n'.join([*kept_imports(m, used), *sorted(v for k, v in need.items() if k in used)]) + '\n' + text


def kept_imports(m:Module, used:set):
    "Import lines of a module, without what its stub does not name."
    for n in m.body:
        if not isinstance(n, (ast.Import, ast.ImportFrom)): continue
        names = [a for a in n.names if (a.asname or a.name.split('.')[0]) in used]
        if names: yield ast.unparse(type(n)(**{**vars(n), 'names': names}))


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0]); p.add_argument('--check', action='store_true', help='change nothing')
    check, stale = p.parse_args().check, []
    order = lambda m: next((l.split('/')[-1] for l in m.text.split('\n') if 'File to edit' in l), '')   # by the number of the notebook
    modules = sorted((Module(q) for q in PACKAGE.rglob('*.py') if q.name[0] != '_'), key=order)
    for name in STUBBED:
        m = next(m for m in modules if m.path == PACKAGE/f'{name}.py'); path, text = m.path.with_suffix('.pyi'), make(m, modules)
        if path.exists() and path.read_text(encoding='utf-8') == text: continue
        stale.append(str(path.relative_to(ROOT)))
        if not check: path.write_text(text, encoding='utf-8')
    if stale: print('\n'.join(stale))
    if check and stale: sys.exit('out of date: run python tools/stubs.py')


if __name__ == '__main__': main()
