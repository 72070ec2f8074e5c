"""How long the notebooks take to read: python tools/reading.py

180 words of prose and 12 lines of code a minute; formulas count as words, outputs and pictures do not count. First the core
path, then the second ring, then the appendices. nbs/index.ipynb prints the core path into the README, nbs/contents.ipynb the rest.
"""
import json, re
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent/'nbs'
WORDS, LINES = 180, 12          # that are read in a minute
CORE = {'00_tour': 'the whole way, working', '1_gaussians': 'what a Gaussian is', '2_splatting': 'how it becomes pixels, and gradients',
        '3_triplanes': 'three pictures instead of a volume', '4_decoding': 'features become Gaussians; where rays ask',
        '5_motion': 'why two codes, and equation 2', '6_avatar': 'encode once, drive and turn', '7_training': 'from nothing, on one page',
        '8_feature_or_space': 'why features move and not points', '9_motion_bases': 'see and click what moves alike'}
# what defines the method, and what it is worth; all other numbered notebooks are appendices: how the rest is done, to be looked up
RING = ('10_gaussians 12_cameras 13_oracle 20_triplanes 21_decoding 22_encoding 23_motion 26_avatar 29_photos 30_refining 34_reenactment '
        '50_motion_encoder 52_losses 57_loop 60_metrics 62_report 63_rivals 70_motion_bases 71_driving 80_claims 83_refining').split()


def counted(path)->tuple:
    "Words and lines of code of a notebook, without what a reader skips: set-up cells and folded solutions."
    words = lines = 0
    for c in json.loads(path.read_text())['cells']:
        text = ''.join(c['source'])
        if c['cell_type'] == 'code':
            if 'eval: false' in text or 'default_exp' in text or text == '# your turn': continue
            lines += sum(bool(l.strip()) and not l.startswith(('#|', 'import ', 'from ')) for l in text.split('\n'))
        else: words += len(re.sub(r'<details>.*?</details>|\]\(.*?\)|\[!\[.*?\]', ' ', text, flags=re.S).split())
    return words, lines


def minutes(path)->float:
    words, lines = counted(path)
    return words/WORDS + lines/LINES


def table()->list:
    "(name, path, ring, words, lines, minutes): ring 1 is the core path, 2 the second ring, 3 the appendices."
    found = {p.stem: p for p in sorted(NBS.rglob('[0-9]*.ipynb')) if '.ipynb_checkpoints' not in p.parts}
    ring = lambda n: 1 if n in CORE else 2 if n in RING else 3
    order = [*CORE, *sorted((n for n in found if n not in CORE), key=ring)]
    return [(n, found[n], ring(n), *counted(found[n]), minutes(found[n])) for n in order]


if __name__ == '__main__':
    rows = table()
    for name, _, ring, words, lines, m in rows: print(f'{ring} {name:22} {words:5} words {lines:5} lines {m:6.1f} min')
    for ring, title in enumerate(('core path', 'second ring', 'appendices'), 1):
        print(f'{title}: {sum(r[-1] for r in rows if r[2] == ring):.0f} minutes')
