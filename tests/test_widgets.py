"""The widgets: fast enough on an idle machine, and alive in a real browser that asks nothing of the outside.

The browser is Debian's `chromium` (apt-get install chromium), driven by Python's playwright, which needs no download of its own.
Screenshots go to out/browser."""
import contextlib, io, json, os, secrets, shutil, signal, socket, statistics, subprocess, sys, time, urllib.error, urllib.request
import numpy as np
import pytest
from PIL import Image

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
FLAGS = ('--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update '
         '--disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader').split()
LIMIT_MS = 100


def test_a_missing_library_is_one_line(monkeypatch):
    from instant4d.explore.driving import need_widgets
    from instant4d.explore.widgets import anatomy_figure, explore
    monkeypatch.setitem(sys.modules, 'plotly.graph_objects', None)
    with pytest.raises(ValueError, match='^plotly is missing; run: pip install plotly$'): anatomy_figure(np.zeros((1,3)), np.zeros((1,3)))
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ValueError, match='^voila is missing; run: pip install voila$'): explore()
    monkeypatch.setitem(sys.modules, 'anywidget', None)
    with pytest.raises(ValueError, match='^anywidget is missing; run: pip install'): need_widgets()
    with pytest.raises(ValueError, match='^anywidget is missing'): explore()


def test_modules_import_without_widgets(env):
    "The command line and the models never need ipywidgets."
    hide = 'import sys; [sys.modules.__setitem__(n, None) for n in ("ipywidgets", "anywidget", "traitlets", "plotly", "voila")]; '
    subprocess.run([sys.executable, '-c', hide + 'import instant4d.explore.widgets, instant4d.explore.driving, instant4d.explore.motion_bases'], env=env, check=True)


def test_bundled_driver_belongs_to_the_bundled_model(root):
    "The map of names beside the weights was fitted for them: else run `instant4d driver`."
    from instant4d import load_model
    from instant4d.files import read_tensors
    from instant4d.explore.driving import own_checksum
    about = read_tensors(root/'instant4d'/'weights'/'driver.safetensors', 'driver')[1]
    assert about['motion'] == own_checksum(load_model()), 'run: instant4d driver data_samples/heads-train.tar -o instant4d/weights/driver.safetensors'


@pytest.mark.slow
def test_updates_are_quick():
    "Under 100 ms from a moved slider to the picture: the best of three medians, as machines are busy."
    from instant4d.explore.widgets import page
    boxes = page().boxes; rng = np.random.default_rng(0)
    controls = [boxes[0].controls['yaw'], boxes[1].controls['much'][0], boxes[2].controls['much'], boxes[3].controls['much']]
    def median(slider):
        took = []
        for _ in range(11): t = time.perf_counter(); slider.value = float(rng.random()); took.append(1e3*(time.perf_counter() - t))
        return statistics.median(took)
    best = [min(median(s) for _ in range(3)) for s in controls]
    assert max(best) < LIMIT_MS, f'ms of explorer, mixer, rivals, anatomy: {[round(b) for b in best]}'


# ---- a real browser ----

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]


@contextlib.contextmanager
def server(command, env, url, folder):
    "A server in a process group of its own, up when `url` answers."
    with open(folder/'server.log', 'w') as log:
        p = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(240):
            try: urllib.request.urlopen(url, timeout=5).close(); break
            except urllib.error.HTTPError: break                # it answers, if only with a no
            except OSError:
                assert p.poll() is None, (folder/'server.log').read_text()[-3000:]
                time.sleep(.5)
        else: pytest.fail((folder/'server.log').read_text()[-3000:])
        yield
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        try: p.wait(20)
        except subprocess.TimeoutExpired: os.killpg(p.pid, signal.SIGKILL)


@pytest.fixture
def tab(tmp_path):
    "A page of headless Chromium, and the list of what it asked for beyond this machine."
    api = pytest.importorskip('playwright.sync_api', reason='needs playwright: pip install playwright')
    if CHROMIUM is None: pytest.skip('needs a browser: apt-get install chromium')
    with api.sync_playwright() as play:
        context = play.chromium.launch_persistent_context(str(tmp_path/'profile'), executable_path=CHROMIUM, args=FLAGS,
                                                          viewport=dict(width=1100, height=1900))
        page, outside = context.pages[0], []
        context.on('request', lambda r: outside.append(r.url) if not is_local(r.url) else None)
        yield page, outside
        context.close()


def api_timeout(): from playwright.sync_api import TimeoutError; return TimeoutError


def is_local(url): return url.split(':')[0] in ('data', 'blob', 'about', 'chrome') or '//127.0.0.1:' in url or '//localhost:' in url


def jupyter_env(env, folder):
    "Configuration, data and runtime of its own, and no news."
    labconfig = folder/'config'/'labconfig'; labconfig.mkdir(parents=True)
    off = {'@jupyterlab/apputils-extension:announcements': True}
    (labconfig/'page_config.json').write_text(json.dumps(dict(disabledExtensions=off)))
    names = dict(JUPYTER_CONFIG_DIR='config', JUPYTER_RUNTIME_DIR='runtime', JUPYTERLAB_SETTINGS_DIR='settings', JUPYTERLAB_WORKSPACES_DIR='workspaces', IPYTHONDIR='ipython')
    return env | {k:str(folder/v) for k, v in names.items()}


def pixels(image)->np.ndarray:
    "What an <img> shows, as it was sent."
    code = '''async i => { while (!i.complete || !i.naturalWidth) await new Promise(r => setTimeout(r, 20));     // between two pictures
                     const c = document.createElement('canvas'); c.width = i.naturalWidth; c.height = i.naturalHeight;
                     c.getContext('2d').drawImage(i, 0, 0); return c.toDataURL('image/png') }'''
    with urllib.request.urlopen(image.evaluate(code)) as f: return np.asarray(Image.open(io.BytesIO(f.read())).convert('RGB'), np.float32)


def changed(image, before, seconds=30):
    "The new pixels, once they differ."
    end = time.time() + seconds
    while time.time() < end:
        now = pixels(image)
        if now.shape != before.shape or np.abs(now - before).mean() > .05: return now
        time.sleep(.1)
    pytest.fail('the picture did not change')


def use_widgets(page, shot):
    "Click a face, move sliders by keyboard; pictures and points must follow."
    try: page.wait_for_selector('.noUi-handle', state='attached', timeout=90_000)
    except Exception: page.screenshot(path=shot('failed'), full_page=True); raise
    page.wait_for_selector('.js-plotly-plot canvas', state='attached', timeout=60_000); page.wait_for_timeout(1500)
    page.screenshot(path=shot('start'), full_page=True)
    face = page.locator('img[style*="crosshair"]'); first = pixels(face); box = face.bounding_box()
    assert first.shape == (384, 384, 3) and face.get_attribute('alt')
    at = lambda x, y: dict(x=box['width']*x/2, y=box['height']*y/2)
    face.click(position=at(.42, .40)); second = changed(face, first)                    # a brow of the first head
    face.click(position=at(.565, 1.69)); third = changed(face, second)                  # the mouth of the second
    line = page.locator('.jupyter-widgets.widget-html:has-text("under the pointer")').first; assert 'under the pointer: +' in line.inner_text()
    face.click(position=at(.02, .02)); page.wait_for_selector('text=There is no head', timeout=30_000)
    page.locator('button:has-text("Pin it")').click(); handles = page.locator('.noUi-handle')
    turn = handles.nth(1); turn.focus(); [turn.press('ArrowRight') for _ in range(9)]; changed(face, third)
    pictures = page.locator('.jupyter-widgets.widget-image')
    mixer, rivals = pictures.nth(0), pictures.nth(1); before = pixels(mixer)
    jaw = handles.nth(2); jaw.focus(); [jaw.press('ArrowRight') for _ in range(20)]; changed(mixer, before)
    before = pixels(rivals); yaw = handles.nth(9); yaw.focus(); [yaw.press('ArrowRight') for _ in range(20)]; changed(rivals, before)
    cloud = '() => Array.from(document.querySelector(".js-plotly-plot").data[0].y).slice(0, 4000).reduce((a, b) => a + Math.abs(b), 0)'
    page.wait_for_function('() => document.querySelector(".js-plotly-plot").data[0].y', timeout=30_000); before = page.evaluate(cloud); last = handles.last; last.focus(); [last.press('ArrowRight') for _ in range(20)]
    page.wait_for_function(f'was => Math.abs(({cloud})() - was) > .01', arg=before, timeout=30_000)
    page.wait_for_timeout(1000); page.screenshot(path=shot('used'), full_page=True)


@pytest.mark.slow
def test_jupyterlab(root, env, tmp_path, tab):
    "All four widgets in JupyterLab."
    from instant4d.explore.widgets import write_page
    (page, outside), port, token = tab, free_port(), secrets.token_hex(8); work = tmp_path/'work'; work.mkdir(); write_page(work)
    url, out = f'http://127.0.0.1:{port}', root/'out'/'browser'; out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={work}']
    with server(command, jupyter_env(env, tmp_path), f'{url}/api', tmp_path):
        page.goto(f'{url}/doc/tree/explore.ipynb?token={token}&reset')
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state='attached', timeout=120_000)
        for _ in range(5):                                      # the menu may come before its commands
            page.click('.lm-MenuBar-itemLabel:text-is("Run")'); page.click('li[data-command="runmenu:run-all"]')
            try: page.wait_for_selector('.jp-InputPrompt:has-text("*")', timeout=4000); break
            except api_timeout(): pass
        use_widgets(page, lambda n: str(out/f'lab_{n}.png'))
    assert outside == []


@pytest.mark.slow
def test_voila(root, env, tmp_path, tab):
    "`explore` opens the same page without code, for the address it prints and for local names only."
    if subprocess.run([sys.executable, '-c', 'import voila'], capture_output=True).returncode: pytest.skip('needs voila: pip install voila')
    (page, outside), port = tab, free_port(); out = root/'out'/'browser'; out.mkdir(parents=True, exist_ok=True)
    say = f"__import__('pathlib').Path({str(tmp_path/'said')!r}).write_text"
    command = [sys.executable, '-c', f'from instant4d.explore.widgets import explore; explore(port={port}, browser=False, say={say})']
    with server(command, jupyter_env(env, tmp_path), f'http://127.0.0.1:{port}/static/favicon.ico', tmp_path):
        url = (tmp_path/'said').read_text().split()[0].replace('localhost', '127.0.0.1')
        assert asked(url, '127.0.0.1') == 200 and asked(url, 'localhost') == 200 and asked(url, 'evil.example') == 403
        assert '/login' in asked(url.partition('?')[0], 'localhost')
        page.goto(url, timeout=120_000); use_widgets(page, lambda n: str(out/f'voila_{n}.png'))
    assert outside == []

def asked(url, host):
    "Status of a request that names a host, or where it is sent."
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_): return None
    ask = urllib.request.Request(url, headers=dict(Host=host))
    try: return urllib.request.build_opener(Stay).open(ask, timeout=60).status
    except urllib.error.HTTPError as e: return e.headers.get('Location') or e.code
