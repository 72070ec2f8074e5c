"Sphinx's autodoc reads what the modules say: comments behind parameters, `code` and $formulas$ in docstrings."
import inspect, re
from fastcore.docments import docments

MARKS = re.compile(r'(`[^`]+`)|\$([^$]+)\$')


def marked(text):
    "One line of a docstring as reStructuredText: code and formulas are kept, other signs stand for themselves."
    out, at = [], 0
    for m in MARKS.finditer(text):
        out += [re.sub(r'([\\*|_`])', r'\\\1', text[at:m.start()]), f'\\ `{m[1]}`\\ ' if m[1] else rf'\ :math:`{m[2]}`\ ']; at = m.end()
    return ''.join(out) + re.sub(r'([\\*|_`])', r'\\\1', text[at:])


def shape(annotation):
    "An annotation in short: without the names of modules."
    if isinstance(annotation, str): return annotation
    text = getattr(annotation, '__name__', None) if isinstance(annotation, type) and not hasattr(annotation, '__args__') else None
    return re.sub(r'\b(?:[a-z_]\w*\.)+(?=\w)', '', text or inspect.formatannotation(annotation))


def describe(app, what, name, obj, options, lines):
    "A docstring, with a line for each parameter that has a comment."
    lines[:] = [marked(l) for l in lines if not (what == 'module' and l.startswith('Docs: '))]      # which leads here
    if what not in ('function', 'method', 'class'): return
    try: found = docments(obj, full=True)
    except Exception: return                                        # what C defines has no comments
    lines.append('')
    for key, v in found.items():
        if key in ('self', 'cls') or not v.docment: continue
        says = marked(' '.join(v.docment.split())); kind = '' if v.anno in (inspect.Parameter.empty, type(None)) else shape(v.anno)    # fastcore guesses from a default
        if key == 'return': lines.append(f':returns: ``{kind}`` – {says}' if kind else f':returns: {says}')
        else: lines += [f':param {key}: {says}'] + ([f':type {key}: ``{kind}``'] if kind else [])


def setup(app):
    app.connect('autodoc-process-docstring', describe)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
