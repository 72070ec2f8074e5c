"""How long the notebooks take to read: python tools/reading.py

180 words of prose and 12 lines of code a minute; formulas count as words, outputs and pictures do not count. First the core
path, then everything else. nbs/index.ipynb prints the core path into the README.
"""
import json, re
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent/'nbs'
WORDS, LINES = 180, 12          # that are read in a minute
CORE = '00_tour 10_gaussians 13_oracle 20_triplanes 21_decoding 23_motion 26_avatar 57_loop 63_rivals 70_motion_bases'.split()


def counted(path)->tuple:
    "Words and lines of code of a notebook, without what a reader skips: set-up cells and folded solutions."
    words = lines = 0
    for c in json.loads(path.read_text())['cells']:
        text = ''.join(c['source'])
        if c['cell_type'] == 'code':
            if 'eval: false' in text or 'default_exp' in text or 'code-fold' in text: continue
            lines += sum(bool(l.strip()) and not l.startswith(('#|', 'import ', 'from ')) for l in text.split('\n'))
        else: words += len(re.sub(r'<details>.*?</details>|\]\(.*?\)|\[!\[.*?\]', ' ', text, flags=re.S).split())
    return words, lines


def minutes(path)->float:
    words, lines = counted(path)
    return words/WORDS + lines/LINES


def table()->list:
    "(name, in the core path?, words, lines, minutes), the core path first."
    found = {p.stem: p for p in sorted(NBS.rglob('[0-9]*.ipynb')) if '.ipynb_checkpoints' not in p.parts}
    order = [*CORE, *(n for n in found if n not in CORE)]
    return [(n, n in CORE, *counted(found[n]), minutes(found[n])) for n in order]


if __name__ == '__main__':
    rows = table()
    for name, core, words, lines, m in rows: print(f'{"*" if core else " "} {name:22} {words:5} words {lines:5} lines {m:6.0f} min')
    print(f'core path: {sum(r[-1] for r in rows if r[1]):.0f} minutes; everything: {sum(r[-1] for r in rows)/60:.1f} hours')
