// Off the main thread: back to front for the graphics processor, and, where there is none, equation 2 and the picture as well.
'use strict';

const heads = [];
const softplus = x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid = x => 1/(1 + Math.exp(-x));
const dot = (a, b) => a[0]*b[0] + a[1]*b[1] + a[2]*b[2];

/** The farthest first. `means` has four numbers for each Gaussian. */
function backToFront(means, [x, y, z]) {
    const n = means.length/4, depth = new Float32Array(n), order = new Uint32Array(n);
    for (let i = 0; i < n; i++) { depth[i] = x*means[4*i] + y*means[4*i + 1] + z*means[4*i + 2]; order[i] = i; }
    return order.sort((i, j) => depth[j] - depth[i]);
}

/** W x + b for each row of x, into `out`. */
function affine(x, inputs, weight, bias, out, outputs) {
    for (let i = 0, rows = x.length/inputs; i < rows; i++) for (let o = 0; o < outputs; o++) {
        let s = bias ? bias[o] : 0;
        for (let c = 0, w = o*inputs, r = i*inputs; c < inputs; c++) s += weight[w + c]*x[r + c];
        out[i*outputs + o] = s;
    }
    return out;
}

/** A head as the page read it, and what its features bring to Phi. */
function load(head) {
    const {n, channels: C, hidden: H} = head, rows = () => new Float32Array(n*H);
    head.own = affine(head.feature, C, head.phi1, head.phi1b, rows(), H);
    if (head.detail) head.late = affine(head.detail, C, head.phi1, null, rows(), H);
    heads.push(Object.assign(head, {h: rows(), g: rows(), raw: new Float32Array(n*14), means: new Float32Array(n*4), cov: new Float32Array(n*6), colors: new Float32Array(n*3)}));
}

/** Equation 2, as layer.frag and decode.frag have it. */
function drive(head, first, mixed) {
    const {n, channels: C, hidden: H, h, g} = head;
    affine(head.z, C, first.weight, first.bias, h, H);
    for (let i = 0; i < n*H; i++) h[i] = softplus(h[i]);
    if (mixed) {
        affine(head.z, C, mixed.first.weight, mixed.first.bias, g, H);
        for (let i = 0; i < n*H; i++) { const w = mixed.share[Math.floor(i/H)]; h[i] = (1 - w)*h[i] + w*softplus(g[i]); }
    }
    affine(h, H, head.middle, head.middleb, g, H);
    for (let i = 0; i < n; i++) {
        let s = 0;
        if (head.late) for (let j = i*H; j < (i + 1)*H; j++) s += g[j]*g[j];
        const left = 1/(1 + s/head.gate**2);
        for (let j = i*H; j < (i + 1)*H; j++) g[j] = softplus(g[j] + head.own[j] + (head.late ? left*head.late[j] : 0));
    }
    affine(g, H, head.phi2, head.phi2b, head.raw, 14);
    for (let i = 0; i < n; i++) decode(head, i);
}

/** What 14 numbers mean: GaussianDecoder.gaussians. */
function decode(head, i) {
    const r = head.raw.subarray(14*i, 14*i + 14), {pitch, absolute, reach, largest} = head;
    const size = k => absolute ? .05*pitch*sigmoid(r[3 + k]) : pitch*Math.min(Math.max(.5*Math.exp(r[3 + k]), .05), largest);
    let [w, x, y, z] = [r[6] + 1, r[7], r[8], r[9]];
    const l = Math.hypot(w, x, y, z); w /= l; x /= l; y /= l; z /= l;
    const R = [[1 - 2*(y*y + z*z), 2*(x*y - w*z), 2*(x*z + w*y)], [2*(x*y + w*z), 1 - 2*(x*x + z*z), 2*(y*z - w*x)], [2*(x*z - w*y), 2*(y*z + w*x), 1 - 2*(x*x + y*y)]];
    const M = R.map(row => row.map((v, k) => v*size(k)));
    [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]].forEach(([a, b], k) => head.cov[6*i + k] = dot(M[a], M[b]));
    for (let k = 0; k < 3; k++) {
        head.means[4*i + k] = absolute ? pitch*Math.tanh(r[k]) : head.points[3*i + k] + reach[k]*Math.tanh(r[k]);
        head.colors[3*i + k] = sigmoid(r[11 + k])*1.002 - .001;
    }
    head.means[4*i + 3] = sigmoid(r[10]);
}

/** What the camera sees of Gaussian i: centre, inverse covariance, opacity, reach; null for nothing. As splat.vert has it. */
function footprint(head, i, {right, down, forward, focal, far}, pixels, grow) {
    const m = head.means.subarray(4*i, 4*i + 4), s = head.cov.subarray(6*i, 6*i + 6);
    const c = [dot(m, right), dot(m, down), dot(m, forward) + far], f = focal*pixels/c[2], wide = .65/focal, slope = v => Math.min(Math.max(v/c[2], -wide), wide);
    const x = right.map((v, k) => f*(v - slope(c[0])*forward[k])), y = down.map((v, k) => f*(v - slope(c[1])*forward[k]));
    const S = v => [s[0]*v[0] + s[1]*v[1] + s[2]*v[2], s[1]*v[0] + s[3]*v[1] + s[4]*v[2], s[2]*v[0] + s[4]*v[1] + s[5]*v[2]];
    const Sx = S(x), Sy = S(y), blur = grow ? 0 : .3, xy = dot(x, Sy), sharp = dot(x, Sx)*dot(y, Sy) - xy*xy;
    const xx = dot(x, Sx) + blur, yy = dot(y, Sy) + blur, area = Math.max(xx*yy - xy*xy, 1e-30);
    const o = m[3]*(head.antialiased && !grow ? Math.sqrt(Math.max(sharp/area, 1e-12)) : 1);
    if (o < (grow ? .1 : 1/255) || c[2] < .01) return null;
    const reach = grow || Math.sqrt(2*Math.log(255*o));
    return {x: pixels*(.5 + focal*c[0]/c[2]), y: pixels*(.5 + focal*c[1]/c[2]), a: yy/area, b: -xy/area, c: xx/area, o, w: reach*Math.sqrt(xx), h: reach*Math.sqrt(yy)};
}

/** Blend a head back to front, in pixels x0..x1, y0..y1 of a square picture; premultiplied numbers and coverage. */
function paint(head, scene, [x0, y0, x1, y1]) {
    const {camera, size, mode, grow} = scene, wide = x1 - x0, out = new Float32Array(wide*(y1 - y0)*4);
    const inks = [i => head.colors.subarray(3*i, 3*i + 3), i => [head.values[i], 0, 0], i => head.means.subarray(4*i, 4*i + 3)][mode];
    for (const i of backToFront(head.means, camera.forward)) {
        const p = footprint(head, i, camera, size, grow), ink = p && inks(i);
        if (!p) continue;
        const left = Math.max(x0, Math.floor(p.x - p.w)), right = Math.min(x1, Math.ceil(p.x + p.w)), top = Math.max(y0, Math.floor(p.y - p.h)), bottom = Math.min(y1, Math.ceil(p.y + p.h));
        for (let v = top; v < bottom; v++) for (let u = left; u < right; u++) {
            const dx = u + .5 - p.x, dy = v + .5 - p.y, d = p.a*dx*dx + 2*p.b*dx*dy + p.c*dy*dy;
            const a = grow ? +(d < grow*grow) : Math.min(p.o*Math.exp(-.5*d), .999), shade = grow && mode === 0 ? .4 + .6*Math.sqrt(Math.max(1 - d/(grow*grow), 0)) : 1;
            if (a < 1/255) continue;
            const at = 4*((v - y0)*wide + u - x0);
            for (let k = 0; k < 3; k++) out[at + k] = out[at + k]*(1 - a) + ink[k]*shade*a;
            out[at + 3] = out[at + 3]*(1 - a) + a;
        }
    }
    return out;
}

const orders = {
    load: ({head}) => { load(head); },
    sort: ({means, forward}) => ({order: backToFront(means, forward)}),
    drive: ({k, first, mixed}) => { drive(heads[k], first, mixed); return {means: heads[k].means.slice()}; },
    values: ({k, values}) => { heads[k].values = values; },
    paint: ({k, scene, box}) => ({pixels: paint(heads[k], scene, box)}),
};
self.onmessage = ({data}) => self.postMessage({...orders[data.what](data), ticket: data.ticket});
