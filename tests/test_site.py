"""The site in a real browser: it builds without a warning, asks nothing of the outside, and fits a phone. Needs the extra `docs`."""
import functools, re, subprocess, sys, threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote
import pytest
from test_page import browser                                        # noqa: F401, a fixture

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT/'out'/'site'/'html'
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def pages():
    "The pages of the site, built as `make site` does."
    for name in ('sphinx', 'myst_nb', 'sphinx_book_theme', 'mathjax'): pytest.importorskip(name, reason='needs the extra docs: make site')
    at = SITE.parent; sphinx = f'-m sphinx -W --keep-going -q -j 2 -c docs -d {at}/doctrees {at}/pages {SITE}'
    for command in (['docs/stage.py', f'{at}/pages'], sphinx.split()):
        run = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True); assert run.returncode == 0, run.stdout + run.stderr
    return sorted(p for p in SITE.rglob('*.html') if '_modules' not in p.parts and '_static' not in p.parts and p.name != 'head.html')


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_): pass


@pytest.fixture(scope='module')
def at(pages):
    "Where a small server of this machine offers the site: search asks for the pages that it found."
    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown(); server.server_close()


@pytest.fixture
def tab(browser, at):                                                # noqa: F811
    "A tab; afterwards nothing may have been said on the console or asked of the outside."
    said, asked, t = [], [], browser.new_page(viewport=dict(width=1200, height=900))
    t.on('console', lambda m: said.append(f'{t.url}: {m.text}') if m.type == 'error' else None); t.on('pageerror', lambda e: said.append(f'{t.url}: {e}'))
    t.on('request', lambda r: asked.append(r.url) if not r.url.startswith((at, 'blob:', 'data:')) else None)
    t.on('requestfailed', lambda r: said.append(f'{t.url}: no {r.url}') if 'ABORTED' not in (r.failure or '') else None)
    yield t
    t.close(); assert said == [] and asked == []


def test_every_page_fits(pages, tab, at):
    "Also on a phone; no formula is wrong, no directive shows."
    wide, wrong = [], []
    for p in pages:
        tab.goto(f'{at}/{p.relative_to(SITE).as_posix()}')
        for width in (1200, 400):
            tab.set_viewport_size(dict(width=width, height=900))
            if tab.evaluate('async () => { await window.MathJax?.startup?.promise; return document.documentElement.scrollWidth }') > width: wide.append((p.name, width))
        if tab.locator('mjx-merror').count() or re.search(r'^#\|', tab.inner_text('main'), re.M): wrong.append(p.name)
    assert wide == [] and wrong == [] and len(pages) > 125


def test_links_lead_somewhere(pages):
    "And so do the addresses in the docstrings of the modules, as a page and as text."
    dead = {(p.name, to) for p in pages for to in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', p.read_text()) if not (p.parent/unquote(to).split('?')[0]).exists()}
    docs = re.findall(r'Docs: https://[^/]+/instant4d/(\S+)\.md', ''.join(p.read_text() for p in (ROOT/'instant4d').rglob('*.py')))
    assert dead == set() and len(docs) > 45 and [d for d in docs if not ((SITE/d).exists() and (SITE/f'{d}.md').exists())] == []


def test_formulas_folds_and_search(tab, at):
    tab.goto(f'{at}/core/2_splatting.html'); tab.evaluate('MathJax.startup.promise')
    assert tab.locator('mjx-container svg').count() > 20 and '$' not in tab.locator('article p').first.inner_text()
    fold = tab.locator('details:has-text("Solution 1")').first; assert fold.get_attribute('open') is None
    fold.locator('summary').click(); assert fold.locator('pre, p').first.is_visible()
    tab.goto(f'{at}/search.html?q=triplane'); tab.wait_for_selector('#search-results li a'); assert tab.locator('#search-results li').count() > 3


def test_a_head_moves(tab, at):
    "The page that moves is alive inside the site, on a desk and on a phone."
    for width in (1200, 400):
        tab.set_viewport_size(dict(width=width, height=900)); tab.goto(f'{at}/live.html')
        head = next(f for f in tab.frames if f.url.endswith('head.html')); head.evaluate('page.settled()')
        head.evaluate('page.set({jawOpen: 1})'); head.evaluate('() => { page.want("drive"); return page.settled() }')
        assert head.evaluate('document.documentElement.scrollWidth') <= width and head.evaluate('page.engine.canvas.width') > 100
        (ROOT/'out'/'browser').mkdir(parents=True, exist_ok=True); tab.screenshot(path=ROOT/'out'/'browser'/f'site_live_{width}.png')


def test_every_widget_has_a_still(pages):
    "In the section where it stands, since a widget needs a running notebook."
    said = 'This widget needs a running notebook'; bare = []
    for p in pages:
        for section in re.split(r'<h2>', p.read_text()):
            if said in section and '<img' not in section: bare.append(p.name)
    assert bare == [] and sum(said in p.read_text() for p in pages) >= 3
