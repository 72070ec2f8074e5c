// The worker's two callers: the sorter beside the graphics processor, and the way without one.
'use strict';

/** A worker whose answers are promises. */
class Helper {
    constructor() {
        this.worker = new Worker(URL.createObjectURL(new Blob([text('worker.js')], {type: 'text/javascript'})));
        this.waiting = new Map();
        this.ticket = 0;
        this.worker.onmessage = ({data}) => { this.waiting.get(data.ticket)(data); this.waiting.delete(data.ticket); };
    }
    ask(what, more = {}) {
        const ticket = this.ticket++;
        this.worker.postMessage({what, ticket, ...more});
        return new Promise(done => this.waiting.set(ticket, done));
    }
}

/** Sorts the newest means for the newest view; while it is at it, later wishes wait and replace each other. */
class Sorter {
    constructor(done) { Object.assign(this, {done, helper: new Helper(), heads: [], busy: false}); }
    view(k, forward) {
        const old = this.heads[k]?.forward;
        if (!old || old.some((v, i) => v !== forward[i])) this.wish(k, {forward});
    }
    wish(k, change) {
        this.heads[k] = {...this.heads[k], ...change, stale: true};
        if (!this.busy) this.next();
    }
    async next() {
        for (let k; (k = this.heads.findIndex(h => h?.stale && h.means && h.forward)) >= 0;) {
            this.busy = true;
            this.heads[k].stale = false;
            const {means, forward} = this.heads[k];
            this.done(k, (await this.helper.ask('sort', {means, forward})).order);
        }
        this.busy = false;
    }
}

/** The same as `Gpu`, computed by the worker and shown on a plain canvas: slower and coarser. */
class Plain {
    constructor(canvas, heads, colorScale) {
        Object.assign(this, {canvas, heads, colorScale, context: canvas.getContext('2d'), helper: new Helper(), left: 0, parts: heads.map(() => ({means: null})), next: null, drawing: false});
        for (const head of heads) this.ask('load', {head});
    }
    async ask(what, more) {
        this.left++;
        const answer = await this.helper.ask(what, more);
        this.left--;
        return answer;
    }
    async drive(k, mod, mixed = null) {
        const m = this.parts[k];
        m.wish = {k, first: foldPsi(this.heads[k], mod), mixed: mixed && {first: foldPsi(this.heads[k], mixed.mod), share: mixed.share}};
        if (m.driving) return;
        m.driving = true;
        while (m.wish) {
            const wish = m.wish;
            m.wish = null;
            m.means = (await this.ask('drive', wish)).means;
            this.onorder?.();
        }
        m.driving = false;
    }
    means(k) { return this.parts[k].means; }
    values(k, values) { this.ask('values', {k, values}); }
    poll() { return this.left > 0 || this.drawing; }
    async draw(scene) {
        this.next = scene;
        if (this.drawing || this.parts.some(m => !m.means)) return;
        this.drawing = true;
        while (this.next) { const now = this.next; this.next = null; await this.show(now); }
        this.drawing = false;
    }
    async show(scene) {
        const {size, columns, mode} = scene, width = size*columns, height = size;
        const parts = await Promise.all(this.heads.map((_, k) => this.ask('paint', {k, scene, box: [0, 0, size, size]})));
        if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, {width, height});
        parts.forEach(({pixels}, k) => {
            const image = new ImageData(size, size);
            for (let i = 0; i < pixels.length; i += 4) image.data.set([...this.color(pixels.subarray(i, i + 4), mode), 255], i);
            this.context.putImageData(image, k*size, 0);
        });
    }
    color([r, g, b, a], mode) {
        if (mode === 0) return [255*r, 255*g, 255*b];
        const t = Math.min(Math.max(5 + 5*r/Math.max(a, 1e-3), 0), 9.999), k = Math.floor(t);
        return [0, 1, 2].map(c => 255*a*((1 - t + k)*this.colorScale[3*k + c] + (t - k)*this.colorScale[3*k + 3 + c]));
    }
    async probe(scene, x, y, mode = scene.mode) {
        const {size} = scene, k = Math.floor(x/size), [a, b] = [Math.floor(x - k*size), Math.floor(y)];
        const {pixels} = await this.ask('paint', {k, scene: {...scene, mode}, box: [a, b, a + 1, b + 1]});
        return {alpha: pixels[3], numbers: [...pixels.subarray(0, 3)].map(n => n/Math.max(pixels[3], 1e-3))};
    }
    finish() {}
}
