// What one sees and touches: the state, the controls, and a loop that draws when something has changed.
'use strict';

const $ = id => document.getElementById(id), canvas = $('canvas'), stage = $('stage');
const SCALE = ['053061', '2166ac', '4393c3', '92c5de', 'd1e5f0', 'f7f7f7', 'fddbc7', 'f4a582', 'd6604d', 'b2182b', '67001f'];     // RdBu, reversed
const colorScale = new Float32Array(SCALE.flatMap(c => [0, 2, 4].map(i => parseInt(c.slice(i, i + 2), 16)/255)));
const GROUPS = {jaw: 'Jaw', mouth: 'Mouth', eye: 'Eyes', brow: 'Brows', cheek: 'Cheeks', nose: 'Nose'};
const NEAREST = 8, LEAST = .2, SHARP = 12;      // Gaussians of a pin; where a region ends, and how sharply (basis_mask of notebook 71)

const heads = about.heads.map((_, k) => readHead(k));
const state = {values: new Float32Array(about.names.length), frame: null, playing: false, yaw: 0, pitch: 0, zoom: 1, asking: false, kind: 'centred',
               pins: [], active: -1, kept: null, solid: false, grow: .5};
const wanted = {drive: true, draw: true, values: false};
const pace = {last: 0, share: 1, drawn: 1, rest: 0};    // when it last drew; the share of the pixels that keeps up with the hand, and the last one
let engine, timer = 0, started = null, idle = [];

/** The graphics processor, or without it the worker. `#plain` in the address asks for the worker. */
function start() {
    let why = '';
    try {
        if (location.hash === '#plain') throw new Error('asked for');
        engine = new Gpu(canvas, heads, colorScale);
    } catch (e) {
        why = ` Drawn without the graphics processor (${e.message}), so smaller and slower.`;
        const fresh = canvas.cloneNode();       // a canvas keeps the first kind of context it was asked for
        engine = new Plain(fresh, heads, colorScale);
        canvas.replaceWith(fresh);
    }
    engine.onorder = () => want('draw');
    const count = heads.map(h => h.n.toLocaleString('en')).join(' and ');
    $('facts').textContent = `${count} Gaussians, computed in this page: nothing is sent or loaded.${why}`;
    return engine.canvas;
}

function want(...what) {
    for (const w of what) wanted[w] = true;
    timer ||= requestAnimationFrame(loop);
}

/** Heads side by side, and how many pixels a side each has. */
function layout() {
    const columns = heads.length;
    const most = engine instanceof Plain ? 240 : 1024, size = Math.max(64, Math.min(most, Math.round(stage.clientWidth/columns*(window.fixedRatio || devicePixelRatio))));
    return {columns, size};
}
/** What to draw; `share`: of the pixels a side. */
function scene(share = 1) {
    const {columns, size} = layout();
    return {columns, size: Math.max(64, Math.round(size*share)), camera: look(state.yaw, state.pitch, state.zoom), mode: state.asking && state.pins.length ? 1 : 0, grow: state.solid ? state.grow : 0};
}

function loop(now) {
    timer = 0;
    if (state.playing) {
        started ??= now - 1000*(state.frame ?? 0)/about.fps;
        state.frame = (now - started)/1000*about.fps % about.frames;
        showFrame();
        want('drive');
    } else started = null;
    if (wanted.drive) { driveAll(); wanted.drive = false; wanted.draw = true; }
    if (wanted.values) { wanted.values = false; valuesAll(); wanted.draw = true; }
    const pending = engine.poll();
    if (wanted.draw) { wanted.draw = false; engine.draw(scene(pace.drawn = keepPace(now))); placeMarks(); }
    if (pending || engine.poll()) timer ||= requestAnimationFrame(loop);
    else if (!timer) for (const done of idle.splice(0)) done();
}

/** Fewer pixels while something moves, if the picture would lag; all of them once it rests. */
function keepPace(now) {
    const gap = now - pace.last;
    pace.last = now;
    clearTimeout(pace.rest);
    if (gap > 400 || idle.length) return 1;
    pace.share = Math.min(1, Math.max(.3, pace.share*(gap > 50 ? .8 : gap < 20 ? 1.1 : 1)));
    if (pace.share < 1) pace.rest = setTimeout(() => { pace.last = 0; want('draw'); }, 300);
    return pace.share;
}

function driveAll() {
    heads.forEach((head, k) => {
        const mixed = state.kept && {mod: state.kept.mods[k], share: state.kept.shares[k]};
        engine.drive(k, modulation(head, state.values, state.frame), mixed);
    });
}

// ---- what moves alike

const dot3 = (a, b) => a[0]*b[0] + a[1]*b[1] + a[2]*b[2];

/** Cosine of each Gaussian's motion basis to the pin's, as in notebook 70. */
function cosines(pin, k, kind = state.kind) {
    const C = heads[k].channels, rows = kind === 'raw' ? heads[k].basis : heads[k].centred, from = kind === 'raw' ? heads[pin.who].basis : heads[pin.who].centred;
    const q = Array.from({length: C}, (_, c) => pin.near.reduce((s, i) => s + from[i*C + c], 0)/pin.near.length), length = Math.hypot(...q);
    return Float32Array.from({length: heads[k].n}, (_, i) => {
        let s = 0, l = 0;
        for (let c = 0; c < C; c++) { const v = rows[i*C + c]; s += v*q[c]; l += v*v; }
        return s/Math.max(length*Math.sqrt(l), 1e-8);
    });
}
function valuesAll() {
    const pin = state.pins[state.active];
    if (pin) heads.forEach((_, k) => engine.values(k, cosines(pin, k)));
}

/** Which pixel of the whole picture a pointer is over. */
function pixelAt(event) {
    const box = engine.canvas.getBoundingClientRect(), {columns, size} = scene(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return [Math.min(x/box.width, .9999)*size*columns, Math.min(y/box.height, .9999)*size];
}

/** Pin the point of the surface that is seen at a pixel. */
async function pinAt(x, y) {
    const now = scene(), {alpha, numbers} = await engine.probe(now, x, y, 2), who = Math.floor(x/now.size), means = engine.means(who);
    if (alpha < .5 || !means) return say('There is no head there: tap the face.');
    const far = Float32Array.from({length: heads[who].n}, (_, i) => (means[4*i + 3] < .1)*9 + Math.hypot(...numbers.map((v, c) => v - means[4*i + c])));
    const near = Array.from(far.keys()).sort((a, b) => far[a] - far[b]).slice(0, NEAREST);
    state.pins.push({who, near});
    state.active = state.pins.length - 1;
    over = null;                // the values for this pin are not there yet
    askFor(true);
    say(`Pin ${state.pins.length}: red moves like this point, blue the opposite way.`);
}
function askFor(on) {
    state.asking = on;
    $('ask').setAttribute('aria-pressed', on);
    $('similarity').hidden = !on;
    $('legend').hidden = !on || !state.pins.length;
    if (on && !state.pins.length) say('Tap a point of the face, or press Enter for its middle.');
    if (!on) say('');
    listPins();
    want('values', 'draw');
}

/** Where a pin is now: the middle of its Gaussians. */
function placeOf(pin) {
    const means = engine.means(pin.who);
    return means && [0, 1, 2].map(c => pin.near.reduce((s, i) => s + means[4*i + c], 0)/pin.near.length);
}
function placeMarks() {
    const {columns, camera} = scene();
    const shown = state.asking ? state.pins : [];
    $('marks').replaceChildren(...shown.flatMap((pin, j) => {
        const place = placeOf(pin);
        if (!place) return [];
        const [u, v] = project(camera, place), mark = document.createElement('span');
        mark.textContent = j + 1;
        mark.className = j === state.active ? 'active' : '';
        mark.hidden = u < 0 || u > 1 || v < 0 || v > 1;
        mark.style.left = `${100*(u + pin.who)/columns}%`;
        mark.style.top = `${100*v}%`;
        return [mark];
    }));
}
const signed = v => (v < 0 ? '\u2212' : '+') + Math.abs(v).toFixed(2);

/** Each pin with its similarity to the one that is asked. */
function listPins() {
    const active = state.pins[state.active];
    $('clear').disabled = $('keep').disabled = !active;
    $('keep').disabled = !active && !state.kept;
    $('pins').replaceChildren(...state.pins.map((pin, j) => {
        const item = document.createElement('li'), button = document.createElement('button'), value = document.createElement('span');
        const alike = cosines(active, pin.who), mean = pin.near.reduce((s, i) => s + alike[i], 0)/pin.near.length;
        button.type = 'button';
        button.setAttribute('aria-pressed', j === state.active);
        button.append(`Pin ${j + 1}` + (heads.length > 1 ? `, head ${pin.who + 1}` : ''), value);
        value.textContent = j === state.active ? 'asked' : `${signed(mean)} to pin ${state.active + 1}`;
        button.onclick = () => { state.active = j; askFor(true); };
        item.append(button);
        return item;
    }));
}
function say(words) { $('status').textContent = words; }

/** The value under the pointer, in words and on the legend. */
let over = null;
async function tellValue() {
    const event = over, now = scene(), asked = state.active;
    over = null;
    if (!event || now.mode !== 1) return;
    const {alpha, numbers} = await engine.probe(now, ...pixelAt(event)), bar = document.querySelector('.bar span');
    if (state.active !== asked) return;
    bar.style.visibility = alpha < .5 ? 'hidden' : 'visible';
    bar.style.left = `${50 + 50*Math.max(-1, Math.min(1, numbers[0]))}%`;
    say(alpha < .5 ? 'Under the pointer: no head.' : `Under the pointer: ${signed(numbers[0])} to pin ${state.active + 1}.`);
}

// ---- controls

const fields = new Map();
function readable(name) { return name.replace(/_[LR]$/, '').replace(/([A-Z])/g, ' $1').toLowerCase(); }
const side = () => document.querySelector('[name=side]:checked').value;
/** The numbers of the names a slider moves: both sides, or the one that was chosen. */
function targets(base) {
    const at = n => about.names.indexOf(n), both = ['L', 'R'].filter(s => !side() || s === side()).map(s => at(`${base}_${s}`));
    return at(base) >= 0 ? [at(base)] : both.filter(i => i >= 0);
}

/** Set an expression by name: `jawOpen`, `mouthSmile` (both sides) or `mouthSmile_L`. */
function setName(name, value) {
    const found = about.names.flatMap((n, i) => n === name || n.replace(/_[LR]$/, '') === name ? [i] : []);
    if (!found.length) throw new Error(`no expression ${name}`);
    for (const i of found) state.values[i] = value;
    showValues();
    want('drive');
}
function showValues() {
    for (const [base, {input, output}] of fields) {
        const v = Math.max(...targets(base).map(i => state.values[i]));
        if (+input.value !== v) input.value = v;
        output.value = v.toFixed(2);
    }
}
function buildSliders() {
    const bases = [...new Set(about.names.map(n => n.replace(/_[LR]$/, '')))], groups = new Map();
    for (const base of bases) {
        const prefix = base.match(/^[a-z]*/)[0], group = GROUPS[prefix] || 'More';
        groups.set(group, [...groups.get(group) || [], [base, GROUPS[prefix] ? readable(base.slice(prefix.length)).trim() : readable(base)]]);
    }
    for (const group of [...Object.values(GROUPS), 'More'].filter(g => groups.has(g))) {
        const box = document.createElement('details'), head = document.createElement('summary');
        head.textContent = group;
        box.open = group === 'Mouth' || group === 'Jaw';
        box.append(head, ...groups.get(group).map(([base, label]) => slider(base, label)));
        $('sliders').append(box);
    }
}
function slider(base, words) {
    const label = document.createElement('label'), input = document.createElement('input'), output = document.createElement('output');
    label.className = 'slider';
    Object.assign(input, {type: 'range', min: 0, max: about.most, step: .01, value: 0});
    input.setAttribute('aria-label', readable(base));
    input.oninput = () => { for (const i of targets(base)) state.values[i] = +input.value; showValues(); want('drive'); };
    label.append(words, input, output);
    fields.set(base, {input, output});
    return label;
}

function showFrame() {
    $('frame').value = state.frame ?? 0;
    $('frame').nextElementSibling.value = state.frame === null ? 'off' : Math.floor(state.frame) + 1;
}
function play(on) {
    state.playing = on;
    $('play').setAttribute('aria-pressed', on);
    $('play').textContent = on ? 'Pause' : 'Play';
    want('drive');
}

/** Mix: what moves like the pin holds this expression, the sliders move the rest. */
function keep(on) {
    const pin = state.pins[state.active];
    state.kept = on && pin ? {mods: heads.map(h => modulation(h, state.values, state.frame)),
                              shares: heads.map((_, k) => cosines(pin, k, 'centred').map(c => 1/(1 + Math.exp(-SHARP*(c - LEAST)))))} : null;
    $('keep').setAttribute('aria-pressed', !!state.kept);
    $('keep').textContent = state.kept ? 'Let it go' : 'Keep it there';
    $('keep').disabled = !pin && !state.kept;
    if (state.kept) { state.values.fill(0); showValues(); askFor(false); say('Kept there. The sliders move the rest.'); }
    want('drive');
}
function reset() {
    Object.assign(state, {frame: null, yaw: 0, pitch: 0, zoom: 1, pins: [], active: -1, solid: false});
    state.values.fill(0);
    $('solid').checked = false;
    document.querySelector('[name=side]').checked = true;
    play(false); keep(false); askFor(false); showValues(); showFrame();
    say('');
}

function turn(yaw, pitch) {
    state.yaw = Math.max(-75, Math.min(75, yaw));
    state.pitch = Math.max(-45, Math.min(45, pitch));
    want('draw');
}
function zoomTo(z) { state.zoom = Math.max(.6, Math.min(6, z)); want('draw'); }

/** One finger or the mouse turns, two fingers zoom, a tap asks. */
function listen(canvas) {
    const down = new Map();
    let first = null, apart = 0;
    const spread = () => { const [a, b] = [...down.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
    canvas.onpointerdown = e => {
        canvas.setPointerCapture(e.pointerId);
        down.set(e.pointerId, e);
        if (down.size === 2) { apart = spread()/state.zoom; first = null; }
        else first = {x: e.clientX, y: e.clientY, yaw: state.yaw, pitch: state.pitch, moved: false};
    };
    canvas.onpointermove = e => {
        if (!down.has(e.pointerId)) { if (!over) requestAnimationFrame(tellValue); over = e; return; }
        down.set(e.pointerId, e);
        if (down.size === 2) return zoomTo(spread()/apart);
        if (!first) return;
        const dx = e.clientX - first.x, dy = e.clientY - first.y;
        if (Math.hypot(dx, dy) > 5) { first.moved = true; canvas.classList.add('dragged'); }
        if (first.moved) turn(first.yaw - .35*dx/state.zoom, first.pitch + .3*dy/state.zoom);
    };
    canvas.onpointerup = canvas.onpointercancel = e => {
        if (first && !first.moved && e.type === 'pointerup') pinAt(...pixelAt(e));
        down.delete(e.pointerId);
        first = null;
        canvas.classList.remove('dragged');
    };
    canvas.addEventListener('wheel', e => { e.preventDefault(); zoomTo(state.zoom*Math.exp(-.0015*e.deltaY)); }, {passive: false});
    canvas.onkeydown = e => {
        const steps = {ArrowLeft: [5, 0], ArrowRight: [-5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5]}[e.key], zoom = {'+': 1.15, '=': 1.15, '-': 1/1.15}[e.key], {size} = scene();
        if (steps) turn(state.yaw + steps[0], state.pitch + steps[1]);
        else if (zoom) zoomTo(state.zoom*zoom);
        else if (e.key === 'Enter') pinAt(size/2, size/2);
        else return;
        e.preventDefault();
    };
    canvas.addEventListener('webglcontextlost', e => { e.preventDefault(); say('The graphics processor was taken away; reload the page.'); });
}

document.querySelector('.bar').style.background = `linear-gradient(90deg, ${SCALE.map(c => '#' + c)})`;
document.querySelector('main').classList.toggle('pair', heads.length > 1);
stage.style.setProperty('--shape', `${heads.length}/1`);
buildSliders();
showValues();
const shown = start();
shown.setAttribute('aria-label', heads.length > 1 ? 'Two 3D heads with the same expression' : 'A 3D head');
listen(shown);
$('frame').max = about.frames - 1;
$('frame').oninput = () => { play(false); state.frame = +$('frame').value; showFrame(); want('drive'); };
$('play').onclick = () => play(!state.playing);
$('ask').onclick = () => askFor(!state.asking);
$('kind').onchange = () => { state.kind = $('kind').value; askFor(true); };
$('clear').onclick = () => { state.pins = []; state.active = -1; askFor(true); };
$('keep').onclick = () => keep(!state.kept);
$('reset').onclick = reset;
$('solid').onchange = () => { state.solid = $('solid').checked; want('draw'); };
$('grow').oninput = () => { state.grow = +$('grow').value; $('grow').nextElementSibling.value = state.grow.toFixed(2); state.solid = $('solid').checked = true; want('draw'); };
for (const radio of document.querySelectorAll('[name=side]')) radio.onchange = showValues;
new ResizeObserver(() => want('draw')).observe(stage);
listPins();
want('drive');

/** For scripts and tests. */
window.page = {
    state, want, reset, pinAt, keep, askFor, turn, zoomTo, get engine() { return engine; }, heads,
    set: values => Object.entries(values).forEach(([n, v]) => setName(n, v)),
    settled: () => new Promise(done => { idle.push(done); want(...pace.drawn < 1 ? ['draw'] : []); }),
    probe: (x, y, mode) => engine.probe(scene(), x, y, mode),
    /** Milliseconds from a changed expression to the Gaussians, or to the finished picture: the median of some. */
    async time(rounds = 11, picture = true) {
        const took = [];
        for (let r = 0; r < rounds; r++) {
            state.values.fill(0).set([.1 + r/rounds], r % about.names.length);
            engine.finish();
            const t = performance.now();
            driveAll();
            if (picture) engine.draw(scene());
            engine.finish();
            took.push(performance.now() - t);
        }
        await window.page.settled();
        return took.sort((a, b) => a - b)[rounds >> 1];
    },
};
