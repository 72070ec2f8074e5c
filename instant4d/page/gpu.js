// Equation 2 and the splatting on the graphics processor (WebGL2). Textures hold numbers, pixels are Gaussians.
'use strict';

const steps = K => Array.from({length: K}, (_, k) => `STEP(${k})`).join(' ');
const COLUMNS = 128, up = (n, to) => Math.ceil(n/to)*to;

class Gpu {
    /** Everything that stays; throws where the browser cannot render to float textures. */
    constructor(canvas, heads, colorScale) {
        const gl = this.gl = canvas.getContext('webgl2', {antialias: false, alpha: false, preserveDrawingBuffer: true});
        if (!gl) throw new Error('no WebGL2');
        if (!gl.getExtension('EXT_color_buffer_float')) throw new Error('no float targets');
        Object.assign(this, {canvas, heads, colorScale, programs: new Map()});
        gl.disable(gl.DITHER);
        this.target = {texture: gl.createTexture(), frame: gl.createFramebuffer(), width: 0, height: 0};
        for (const [vert, frag] of [['splat.vert', 'splat.frag'], ['screen.vert', 'show.frag']]) this.program(vert, frag);     // says here what it cannot do
        this.sorter = new Sorter((k, order) => this.sorted(k, order));
        this.parts = heads.map((head, k) => this.load(head, k));
    }

    /** A program, made once; `defines` go below the first line of its fragment shader. */
    program(vert, frag, defines = '') {
        const key = [vert, frag, defines].join(), gl = this.gl;
        if (this.programs.has(key)) return this.programs.get(key);
        const p = gl.createProgram();
        for (const [kind, name] of [[gl.VERTEX_SHADER, vert], [gl.FRAGMENT_SHADER, frag]]) {
            const s = gl.createShader(kind);
            gl.shaderSource(s, text(name).replace('\n', '\n' + defines));
            gl.compileShader(s);
            if (!gl.getShaderParameter(s, gl.COMPILE_STATUS)) throw new Error(`${name}: ${gl.getShaderInfoLog(s)}`);
            gl.attachShader(p, s);
        }
        gl.linkProgram(p);
        if (!gl.getProgramParameter(p, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(p));
        const places = new Map(), made = {p, at: name => {
            if (!places.has(name)) places.set(name, gl.getUniformLocation(p, name));
            return places.get(name);
        }};
        this.programs.set(key, made);
        return made;
    }

    /** Float textures in layers, four numbers of each Gaussian in each; filled from rows of numbers. */
    layers(n, count, rows = null, width = 0) {
        const gl = this.gl, texture = gl.createTexture(), height = Math.ceil(n/COLUMNS), made = {texture, count, height};
        gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
        gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA32F, COLUMNS, height, count);
        for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D_ARRAY, side, gl.NEAREST);
        if (rows) this.fill(made, n, rows, width);
        return made;
    }
    fill({texture, count, height}, n, rows, width) {
        const gl = this.gl, x = new Float32Array(COLUMNS*height*4*count);
        for (let i = 0; i < n; i++) for (let c = 0; c < width; c++) x[((c >> 2)*COLUMNS*height + i)*4 + (c & 3)] = rows[i*width + c];
        gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
        gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, COLUMNS, height, count, gl.RGBA, gl.FLOAT, x);
    }

    /** Targets to draw into: four layers at a time. */
    frames(made) {
        const gl = this.gl, four = [0, 1, 2, 3].map(j => gl.COLOR_ATTACHMENT0 + j);
        made.frames = [];
        for (let k = 0; k < made.count; k += 4) {
            const f = gl.createFramebuffer();
            gl.bindFramebuffer(gl.FRAMEBUFFER, f);
            four.forEach((to, j) => gl.framebufferTextureLayer(gl.FRAMEBUFFER, to, made.texture, 0, k + j));
            gl.drawBuffers(four);
            made.frames.push(f);
        }
        return made;
    }

    /** Room for the weights (outputs, inputs) and biases of a layer: blocks of 16 outputs, each a range of a uniform buffer. */
    weights(outputs, inputs, values = null) {
        const gl = this.gl, K = inputs/4, groups = Math.ceil(outputs/16), block = up((4*K*16 + 16)*4, 256);
        const buffer = gl.createBuffer(), data = new Float32Array(groups*block/4), made = {buffer, data, outputs, inputs, K, groups, block};
        gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
        gl.bufferData(gl.UNIFORM_BUFFER, data.byteLength, gl.DYNAMIC_DRAW);
        return values ? this.setWeights(made, values) : made;
    }
    setWeights(w, {weight, bias}) {
        const gl = this.gl, {data, outputs, inputs, K, block} = w;
        for (let o = 0; o < outputs; o++) {
            const start = (o >> 4)*block/4, part = o >> 2 & 3, row = o & 3;     // which block, which attachment, which row of the matrix
            for (let i = 0; i < inputs; i++) data[start + (part*K + (i >> 2))*16 + (i & 3)*4 + row] = weight[o*inputs + i];
            data[start + 4*K*16 + part*4 + row] = bias ? bias[o] : 0;
        }
        gl.bindBuffer(gl.UNIFORM_BUFFER, w.buffer);
        gl.bufferSubData(gl.UNIFORM_BUFFER, 0, data);
        return w;
    }

    /** Run a layer: `inputs` are textures by the names of their samplers, `to` has frames. */
    run(frag, defines, weights, inputs, to, numbers = {}) {
        const gl = this.gl, {p, at} = this.program('screen.vert', frag, `#define K ${weights.K}\n#define EACH ${steps(weights.K)}\n${defines}`);
        gl.useProgram(p);
        gl.disable(gl.BLEND);
        this.bind(at, inputs);
        for (const [name, v] of Object.entries(numbers)) Array.isArray(v) ? gl.uniform3fv(at(name), v) : gl.uniform1f(at(name), v);
        gl.viewport(0, 0, COLUMNS, to.height);
        for (let g = 0; g < weights.groups; g++) {
            gl.bindBufferRange(gl.UNIFORM_BUFFER, 0, weights.buffer, g*weights.block, (4*weights.K*16 + 16)*4);
            gl.bindFramebuffer(gl.FRAMEBUFFER, to.frames[g]);
            gl.drawArrays(gl.TRIANGLES, 0, 3);
        }
    }
    bind(at, inputs) {
        const gl = this.gl;
        Object.entries(inputs).forEach(([name, {texture}], unit) => {
            gl.activeTexture(gl.TEXTURE0 + unit);
            gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
            gl.uniform1i(at(name), unit);
        });
        gl.activeTexture(gl.TEXTURE0);
    }

    /** A head's textures and weights. What its features bring to Phi is computed here, once. */
    load(head, k) {
        const {n, channels: C, hidden: H} = head, gl = this.gl, hidden = () => this.frames(this.layers(n, up(H/4, 4))), m = {k, n, pending: null, means: null, ready: false};
        Object.assign(m, {z: this.layers(n, C/4, head.z, C), points: this.layers(n, 1, head.points, 3), h: hidden(), kept: hidden(), g: hidden(), own: hidden(),
                          gaussians: this.frames(this.layers(n, 4)), values: this.layers(n, 1), share: this.layers(n, 1), order: gl.createBuffer()});
        Object.assign(m, {psi1: this.weights(H, C), middle: this.weights(H, H, {weight: head.middle, bias: head.middleb}), phi2: this.weights(14, H, {weight: head.phi2, bias: head.phi2b})});
        const phi1 = this.weights(H, C, {weight: head.phi1, bias: head.phi1b});
        this.run('layer.frag', '', phi1, {source: this.layers(n, C/4, head.feature, C)}, m.own);
        if (head.detail) {
            m.detail = hidden();
            this.run('layer.frag', '', this.setWeights(phi1, {weight: head.phi1}), {source: this.layers(n, C/4, head.detail, C)}, m.detail);
        }
        return m;
    }

    /** Equation 2: the Gaussians of head k under an expression; `mixed`: another modulation, and each Gaussian's share of it. */
    drive(k, mod, mixed = null) {
        const head = this.heads[k], m = this.parts[k];
        if (mixed) {
            this.fill(m.share, m.n, mixed.share, 1);
            this.run('layer.frag', '#define SOFT\n', this.setWeights(m.psi1, foldPsi(head, mixed.mod)), {source: m.z}, m.kept);
        }
        this.run('layer.frag', '#define SOFT\n', this.setWeights(m.psi1, foldPsi(head, mod)), {source: m.z}, m.h);
        if (mixed) this.run('layer.frag', '#define MIXED\n', m.middle, {source: m.h, kept: m.kept, share: m.share}, m.g);
        else this.run('layer.frag', '', m.middle, {source: m.h}, m.g);
        const defines = (m.detail ? '#define DETAIL\n' : '') + (head.absolute ? '#define ABSOLUTE\n' : ''), {pitch, reach, largest, gate} = head;
        const inputs = {moved: m.g, own: m.own, points: m.points, ...m.detail && {detail: m.detail}};
        this.run('decode.frag', defines, m.phi2, inputs, m.gaussians, {pitch, reach, largest, gate});
        this.order(m);
    }

    /** Ask for the means: they arrive later, nobody waits. One question at a time. */
    order(m) {
        const gl = this.gl;
        m.again = !!m.pending;
        if (m.pending) return;
        gl.bindFramebuffer(gl.FRAMEBUFFER, m.gaussians.frames[0]);
        gl.readBuffer(gl.COLOR_ATTACHMENT0);
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, m.read = gl.createBuffer());
        gl.bufferData(gl.PIXEL_PACK_BUFFER, COLUMNS*m.gaussians.height*16, gl.STREAM_READ);
        gl.readPixels(0, 0, COLUMNS, m.gaussians.height, gl.RGBA, gl.FLOAT, 0);
        gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
        m.pending = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
        gl.flush();
    }

    /** Take what has arrived; says whether something is still on its way. */
    poll() {
        const gl = this.gl;
        for (const m of this.parts) {
            if (!m.pending || gl.clientWaitSync(m.pending, 0, 0) === gl.TIMEOUT_EXPIRED) continue;
            gl.deleteSync(m.pending);
            m.pending = null;
            const means = new Float32Array(COLUMNS*m.gaussians.height*4);
            gl.bindBuffer(gl.PIXEL_PACK_BUFFER, m.read);
            gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, means);
            gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
            gl.deleteBuffer(m.read);
            m.means = means.slice(0, m.n*4);
            this.sorter.wish(m.k, {means: m.means});
            if (m.again) this.order(m);
        }
        return this.parts.some(m => m.pending) || this.sorter.busy;
    }
    means(k) { return this.parts[k].means; }
    sorted(k, order) {
        const gl = this.gl;
        gl.bindBuffer(gl.ARRAY_BUFFER, this.parts[k].order);
        gl.bufferData(gl.ARRAY_BUFFER, order, gl.DYNAMIC_DRAW);
        this.parts[k].ready = true;
        this.onorder?.();
    }

    values(k, rows) { this.fill(this.parts[k].values, this.parts[k].n, rows, 1); }

    /** The half-precision picture that Gaussians are blended into: 8 bits would round at each of them. */
    resize(width, height) {
        const gl = this.gl, t = this.target;
        if (t.width === width && t.height === height) return;
        gl.bindTexture(gl.TEXTURE_2D, t.texture);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
        for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
        gl.bindFramebuffer(gl.FRAMEBUFFER, t.frame);
        gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, t.texture, 0);
        Object.assign(t, {width, height});
    }

    /** Blend all heads, `size` pixels each, side by side; `pixel`: that one alone. */
    blend({camera, size, columns, mode, grow}, pixel = null) {
        const gl = this.gl, {p, at} = this.program('splat.vert', 'splat.frag');
        this.resize(size*columns, size);
        gl.bindFramebuffer(gl.FRAMEBUFFER, this.target.frame);
        if (pixel) gl.enable(gl.SCISSOR_TEST), gl.scissor(...pixel, 1, 1);
        gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.useProgram(p);
        gl.enable(gl.BLEND);
        gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
        gl.uniformMatrix3fv(at('axes'), false, camera.axes);
        for (const [name, v] of Object.entries({focal: camera.focal, far: camera.far, pixels: size, grow})) gl.uniform1f(at(name), v);
        gl.uniform1i(at('mode'), mode);
        const id = gl.getAttribLocation(p, 'id');
        gl.enableVertexAttribArray(id);
        this.parts.forEach((m, k) => {
            this.sorter.view(k, camera.forward);
            if (!m.ready) return;
            gl.viewport(k*size, 0, size, size);
            gl.uniform1i(at('antialiased'), this.heads[k].antialiased);
            this.bind(at, {gaussians: m.gaussians, values: m.values});
            gl.bindBuffer(gl.ARRAY_BUFFER, m.order);
            gl.vertexAttribIPointer(id, 1, gl.UNSIGNED_INT, 0, 0);
            gl.vertexAttribDivisor(id, 1);
            gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, m.n);
        });
        gl.disableVertexAttribArray(id);
        gl.disable(gl.SCISSOR_TEST);
    }

    draw(scene) {
        this.blend(scene);
        const {width, height} = this.target, gl = this.gl, {p, at} = this.program('screen.vert', 'show.frag');
        if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, {width, height});
        gl.bindFramebuffer(gl.FRAMEBUFFER, null);
        gl.useProgram(p);
        gl.disable(gl.BLEND);
        gl.viewport(0, 0, width, height);
        gl.bindTexture(gl.TEXTURE_2D, this.target.texture);
        gl.uniform1i(at('blended'), 0);
        gl.uniform1i(at('mode'), scene.mode);
        gl.uniform3fv(at('scale'), this.colorScale);
        gl.drawArrays(gl.TRIANGLES, 0, 3);
    }

    /** What is blended at a pixel of the picture, in its mode or another: mean numbers, and coverage. */
    async probe(scene, x, y, mode = scene.mode) {
        const gl = this.gl, out = new Float32Array(4), pixel = [Math.floor(x), scene.size - 1 - Math.floor(y)];
        this.blend({...scene, mode}, pixel);
        gl.readPixels(...pixel, 1, 1, gl.RGBA, gl.FLOAT, out);
        return {alpha: out[3], numbers: [...out.subarray(0, 3)].map(v => v/Math.max(out[3], 1e-3))};
    }

    /** Wait until all is drawn. */
    finish() {
        this.gl.bindFramebuffer(this.gl.FRAMEBUFFER, null);
        this.gl.readPixels(0, 0, 1, 1, this.gl.RGBA, this.gl.UNSIGNED_BYTE, new Uint8Array(4));
    }
}
