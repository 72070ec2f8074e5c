"""Run a notebook as `nbdev-test` does, then the solutions that are folded into its markdown: python tests/run_notebook.py NB [FLAG]"""
import re, sys
from pathlib import Path
from execnb.shell import CaptureShell
from fastcore.all import working_directory
from fastcore.nbio import mk_cell, read_nb
from nbdev.config import get_config
from nbdev.test import nb_test_cells


def solutions(path)->list:
    "The code in the folds of a notebook, a cell for each."
    prose = [c.source for c in read_nb(path).cells if c.cell_type == 'markdown']
    folds = re.findall('<details>.*?</details>', '\n'.join(prose), re.S)
    return [mk_cell(code) for f in folds for code in re.findall('```python\n(.*?)\n```', f, re.S)]


def run(path, flags=()):
    "Run all of it; a failing cell raises."
    nb, config = read_nb(path), get_config(path.parent)
    nb.cells = nb_test_cells(path, config.tst_flags.split(), flags) + solutions(path)
    shell = CaptureShell(path)
    with working_directory(path.parent):
        try: shell.run_all(nb, exc_stop=True, cell_timeout=config.cell_timeout)
        except Exception: sys.exit(shell.prettytb(fname=path))


if __name__ == '__main__': run(Path(sys.argv[1]).resolve(), sys.argv[2:])
