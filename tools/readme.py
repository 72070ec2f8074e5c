"""README.md from nbs/index.ipynb: its markdown cells, its code cells and their text outputs.

    python tools/readme.py           write README.md
    python tools/readme.py --check   change nothing; exit with 1 when README.md differs or a link leads nowhere

Links are relative to nbs/ in the notebook and to the repository in the README. Pictures are files in nbs/images/, linked from
a markdown cell. `#| hide` drops a cell, `#| echo: false` its source, `#| output: false` its outputs.
"""
import json, posixpath, re, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = '<!-- Made from nbs/index.ipynb by tools/readme.py: edit the notebook. -->'
LINK = re.compile(r'(\]\(|(?:src|href)=")(?![a-z]+:|#|/)([^)"\s]+)')


def rebase(text):
    "Links relative to nbs/ become links relative to the repository."
    return LINK.sub(lambda m: m[1] + posixpath.normpath(posixpath.join('nbs', m[2])), text)


def split(source):
    "The directives of a cell (their names, with the text behind them) and what is left of it."
    lines = source.strip('\n').split('\n')
    said = [l for l in lines if re.match(r'\s*#\|', l)]
    return {l.split('|', 1)[1].strip() for l in said}, '\n'.join(l for l in lines if l not in said).strip('\n')


def output(out):
    "One output as markdown; a picture is refused, because it belongs into a file."
    data = out.get('data', {})
    if any(k.startswith('image/') for k in data):
        raise SystemExit('nbs/index.ipynb shows a picture as an output; save it in nbs/images and link it')
    if 'text/markdown' in data: return rebase(''.join(data['text/markdown'])).strip()
    text = ''.join(out.get('text', data.get('text/plain', ''))).rstrip()
    return f'```\n{text}\n```' if text else ''


def cell(c):
    "One cell as a list of markdown blocks."
    flags, source = split(''.join(c['source']))
    if 'hide' in flags or c['cell_type'] == 'raw': return []
    if c['cell_type'] == 'markdown': return [rebase(source)]
    code = [] if 'echo: false' in flags or not source else [f'```python\n{source}\n```']
    return code + ([] if 'output: false' in flags else [output(o) for o in c.get('outputs', [])])


def readme(root=ROOT):
    "The text of README.md."
    cells = json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells']
    blocks = [b for c in cells for b in cell(c) if b]
    return '\n\n'.join([NOTE, *blocks]) + '\n'


def dead_links(text, root=ROOT):
    "Relative links of `text` that lead to no file."
    text = re.sub(r'```.*?```|`[^`\n]*`', '', text, flags=re.S)
    return [m[2] for m in LINK.finditer(text) if not (root/m[2].split('#')[0]).exists()]


if __name__ == '__main__':
    text, path = readme(), ROOT/'README.md'
    if '--check' not in sys.argv[1:]: path.write_text(text, encoding='utf-8')
    elif not path.exists() or path.read_text(encoding='utf-8') != text:
        raise SystemExit('README.md is not what nbs/index.ipynb says; run python tools/readme.py')
    if dead := dead_links(text): raise SystemExit(f"nbs/index.ipynb links to files that do not exist: {', '.join(dead)}")
