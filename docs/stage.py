"""What Sphinx reads: the notebooks without their plumbing, a page for each module, and a head that moves.

    python docs/stage.py FOLDER

Nothing is run: pictures and numbers are those that the notebooks hold. `#| hide` and `#| default_exp` drop a cell, `#| echo: false` its
source, imports and long cells are folded. FOLDER gets the pages, FOLDER/../extra the files that are served as they are.
"""
import json, posixpath, re, shutil, sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent; ROOT = HERE.parent; NBS = ROOT/'nbs'
sys.path[:0] = [str(ROOT), str(ROOT/'tools')]
from reading import CORE, RING, table
from readme import LINK, split

REPO = 'https://github.com/instant4d/instant4d/blob/main/'
BADGE = re.compile(r'\[!\[([^\]]*)\]\(https?:[^)]*\)\]')
LONG = 15                                                            # lines that a cell may have and stay open
STILL = '*This widget needs a running notebook. Here are stills; the [page that moves](/live.md) is alive.*'
ABOUT = ('contents', 'paper', 'checkpoint', 'ledger', 'glossary', 'modules')                     # what is looked up


def module(nb):
    "The module that a notebook makes, such as `splatting.oracle`, or None."
    found = re.search(r'#\| default_exp ([\w.]+)', nb.read_text(encoding='utf-8'))
    return found and found[1]


def write(path, text):
    "Write what changed, so that Sphinx reads again only that."
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding='utf-8') != text: path.write_text(text, encoding='utf-8')


# ------------------------------------------------------------------------------------------------------ notebooks

def rebase(text, folder):
    "Links to what the site does not hold lead to the repository; badges, which are pictures from elsewhere, become words."
    def link(m):
        at = posixpath.normpath(posixpath.join('nbs', folder, m[2]))
        ours = at.startswith('nbs/') and at.split('#')[0].endswith(('.ipynb', '.svg', '.jpg', '.webp'))
        return m[0] if ours else m[1] + REPO + at
    return LINK.sub(link, BADGE.sub(r'[\1]', text))


def arrows(text):
    "A graph of arrows, which would need another program to draw, as a table."
    def rows(m):
        found = {}
        for a, b in re.findall(r'(\w+) --> (\w+)', m[1]): found.setdefault(a, []).append(f'`{b}`')
        return '\n'.join(['| folder | imports from |', '|---|---|', *(f"| `{a}` | {', '.join(b)} |" for a, b in found.items())])
    return re.sub(r'```mermaid\n(.*?)```', rows, text, flags=re.S)


def markdown(text, folder): return dict(cell_type='markdown', metadata={}, source=arrows(rebase(text, folder)))


def fold(source):
    "What to write on a closed cell: imports and long cells start closed."
    rows = [l for l in source.split('\n') if l.strip()]; names = re.findall(r'^(?:def|class) (\w+)', source, re.M)
    if len(rows) > 2 and sum(bool(re.match('import |from ', l)) for l in rows) > len(rows)/2: return 'Imports'
    return len(rows) > LONG and f"{', '.join(names) or 'Code'}: {len(rows)} lines"


def cell(c, folder):
    "One cell as the cells that a reader of the site sees."
    flags, source = split(''.join(c['source']))
    if c['cell_type'] == 'markdown': return [markdown(''.join(c['source']), folder)]
    if c['cell_type'] == 'raw' or 'hide' in flags or not source or source.startswith('# On Colab'): return []
    outs = c['outputs']; texts = [''.join(o['data']['text/markdown']) for o in outs if 'text/markdown' in o.get('data', {})]
    says = fold(source); meta = dict(tags=['hide-input'], mystnb=dict(code_prompt_show=says, code_prompt_hide=says)) if says else {}
    shown = dict(c, source=source, metadata=meta, execution_count=None,
                 outputs=[o for o in outs if 'text/markdown' not in o.get('data', {})])
    code = [] if 'echo: false' in flags else [shown]
    widget = 'eval: false' in flags and re.search(r'\.widget\(\)|\.boxes\b', source)
    return code + [markdown(t, folder) for t in texts] + ([markdown(STILL, folder)] if widget else [])


def page(nb):
    "A notebook as a page: cells for readers, and a link to the module that it makes."
    folder = nb.parent.relative_to(NBS).as_posix()
    book = json.loads(nb.read_text(encoding='utf-8')); cells = [x for c in book['cells'] for x in cell(c, folder)]
    if name := module(nb): cells.insert(1, markdown(f"Module: [`instant4d.{name}`]({name.split('.')[-1]}.md)", folder))
    if nb.stem == 'index': cells.append(markdown(navigation(), folder))
    return json.dumps(book | dict(cells=[dict(x, id=f'c{k}') for k, x in enumerate(cells)]), ensure_ascii=False, indent=1)


def plain(nb):
    "A notebook as text: what is said and what is run, for those who read without a browser."
    cells = [x for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] for x in cell(c, nb.parent.relative_to(NBS).as_posix())]
    return '\n\n'.join(x['source'] if x['cell_type'] == 'markdown' else f"```python\n{x['source']}\n```" for x in cells) + '\n'


# ------------------------------------------------------------------------------------------------------ navigation, modules, the head

def tree(title, pages):
    "One part of the navigation; titles only, as headings would take a minute."
    return '\n'.join(['```{toctree}', ':hidden:', ':titlesonly:', f':caption: {title}', '', *pages, '```'])


def number(row): return int(row[0].split('_')[0])


def navigation():
    "The path that a reader walks, then the second ring and the appendices by number, and what is looked up."
    at = lambda ring: [p.relative_to(NBS).with_suffix('').as_posix() for _, p, r, *_ in sorted(table(), key=number) if r == ring]
    return '\n\n'.join([tree('Two hours to motion bases', ['live', *at(1)]), tree('The second ring: the method and its worth', at(2)),
                        tree('Appendices: how the rest is done', at(3)), tree('To look up', ABOUT)])


def modules(made):
    "The list of all modules, by folder, in the order of their notebooks."
    out = ['# Modules', '', 'Each is exported from the notebook of the same name. Parameters stand with their shapes and units: B batch, N Gaussians, C channels, '
           'P plane size, H W image, T frames.']
    for folder in dict.fromkeys(n.rpartition('.')[0] for n in made):
        inside = [n for n in made if n.rpartition('.')[0] == folder]
        out += ['', f"## instant4d{'.' if folder else ''}{folder}", '', '```{toctree}', ':titlesonly:', '', *(n.replace('.', '/') for n in inside), '```']
    return '\n'.join(out) + '\n'


def api(name, nb):
    "The page of a module, at the address that its docstring gives: what it holds, and each with its parameters."
    names = ' · '.join(f'{{py:obj}}`~instant4d.{name}.{n}`' for n in import_module(f'instant4d.{name}').__all__)
    return f'# {name}\n\n{names}\n\nExplained in notebook [{nb.stem}]({nb.name}).\n\n```{{eval-rst}}\n.. automodule:: instant4d.{name}\n   :members:\n```\n'


def head(path):
    "A bundled head that moves, by one pass of the bundled model."
    from instant4d import load_driver, load_model
    model = load_model(); portrait = ROOT/'data_samples'/'portraits'/'head-900001.webp'
    model.encode(portrait, crop=False).save_html(path, load_driver(model), title='A rendered head')


def main(out):
    made = {module(p): p for _, p, *_ in sorted(table(), key=number) if module(p)}
    pages = {p.relative_to(NBS): page(p) for p in NBS.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts}
    pages |= {Path(*n.split('.')).with_suffix('.md'): api(n, p) for n, p in made.items()}
    pages |= {Path('modules.md'): modules(made), Path('live.md'): (HERE/'live.md').read_text(encoding='utf-8')}
    for old in [p for p in out.rglob('*') if p.suffix in ('.ipynb', '.md') and p.relative_to(out) not in pages]: old.unlink()
    for at, text in pages.items(): write(out/at, text)
    for pictures in ('images', 'results'): shutil.copytree(NBS/pictures, out/pictures, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.json'))
    extra = out.parent/'extra'
    for n, p in made.items(): write(extra/f"{n.replace('.', '/')}.html.md", plain(p))
    shutil.copy(next(Path(p) for p in find_spec('mathjax').submodule_search_locations)/'static/mathjax/es5/tex-svg.js', extra/'mathjax.js')
    head(extra/'head.html')


if __name__ == '__main__': main(Path(sys.argv[1]).resolve())
