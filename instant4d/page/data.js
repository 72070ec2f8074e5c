// What the file carries, as arrays of numbers.
'use strict';

const text = name => document.getElementById(name).textContent.trim();
const about = JSON.parse(text('about'));

/** A half-precision number from its 16 bits. */
function half(bits) {
    const sign = bits >> 15 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
    return sign*(exponent ? 2**(exponent - 15)*(1 + fraction/1024) : 2**-24*fraction);
}
const HALVES = Float32Array.from({length: 65536}, (_, bits) => half(bits));

/** Numbers of one tensor: half or full precision, or 8 or 16 bits between two bounds of each column. */
function unpack(bytes, {kind, start, rows, columns, low, step}) {
    const size = {u1: 1, u2: 2, f2: 2, f4: 4}[kind], part = bytes.slice(start, start + rows*columns*size).buffer;
    const raw = {u1: Uint8Array, u2: Uint16Array, f2: Uint16Array, f4: Float32Array}[kind], x = new raw(part);
    if (kind === 'f4') return x;
    if (kind === 'f2') return Float32Array.from(x, bits => HALVES[bits]);
    return Float32Array.from(x, (v, i) => low[i % columns] + step[i % columns]*v);
}

/** A head: its sizes and its tensors by name. */
function readHead(k) {
    const bytes = Uint8Array.from(atob(text(`head-${k}`)), c => c.charCodeAt(0)), {tensors, ...head} = about.heads[k];
    for (const [name, table] of Object.entries(tensors)) head[name] = unpack(bytes, table);
    return prepare(head);
}

/** What no expression changes: normalised bases, and bases about the mean of the head. */
function prepare(head) {
    const {n, channels: C, basis, centre} = head, z = head.z = new Float32Array(n*C);
    for (let i = 0; i < n*C; i += C) {
        let mean = 0, spread = 0;
        for (let c = 0; c < C; c++) mean += basis[i + c]/C;
        for (let c = 0; c < C; c++) spread += (basis[i + c] - mean)**2/C;
        for (let c = 0; c < C; c++) z[i + c] = (basis[i + c] - mean)/Math.sqrt(spread + 1e-5);
    }
    head.centred = basis.map((v, i) => v - centre[i % C]);
    return head;
}

/** The scale and the shift that Psi's codes prescribe (2 C numbers): a start, and named expressions on top. */
function modulation(head, values, frame) {
    const size = 2*head.channels, out = new Float32Array(size);
    if (frame === null) out.set(head.rest);
    else {
        const i = Math.min(Math.floor(frame), about.frames - 1), next = (i + 1) % about.frames, t = frame - i;
        for (let j = 0; j < size; j++) out[j] = (1 - t)*head.frames[i*size + j] + t*head.frames[next*size + j];
    }
    values.forEach((v, i) => { if (v) for (let j = 0; j < size; j++) out[j] += v*head.rows[i*size + j]; });
    return out;
}

/** Psi's first layer with scale and shift folded into it: W (1 + scale), b + W shift. */
function foldPsi(head, mod) {
    const {channels: C, hidden: H, psi1, psi1b} = head, weight = new Float32Array(H*C), bias = Float32Array.from(psi1b);
    for (let h = 0; h < H; h++) for (let c = 0; c < C; c++) {
        weight[h*C + c] = psi1[h*C + c]*(1 + mod[c]);
        bias[h] += psi1[h*C + c]*mod[C + c];
    }
    return {weight, bias};
}

/** Right, down and forward of `Camera.look`, and what else the camera needs. */
function look(yaw, pitch, zoom = 1) {
    const y = yaw*Math.PI/180, p = pitch*Math.PI/180, far = 1/Math.tan(6*Math.PI/180);
    const forward = [-Math.sin(y)*Math.cos(p), -Math.sin(p), -Math.cos(y)*Math.cos(p)], right = [Math.cos(y), 0, -Math.sin(y)];
    const [a, b, c] = forward, [d, e, f] = right, down = [b*f - c*e, c*d - a*f, a*e - b*d];
    return {right, down, forward, axes: [...right, ...down, ...forward], far, focal: .5*far*zoom};
}

/** Where a camera sees a point: fractions of the picture. */
function project(camera, x) {
    const [u, v, w] = [camera.right, camera.down, camera.forward].map(a => a[0]*x[0] + a[1]*x[1] + a[2]*x[2]);
    return [.5 + camera.focal*u/(w + camera.far), .5 + camera.focal*v/(w + camera.far)];
}
