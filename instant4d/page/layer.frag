#version 300 es
// One layer of a network for every Gaussian: 16 outputs at a time, four in each attachment.
// A pixel is a Gaussian; four of its numbers lie in each layer of `source`. K is the number of inputs / 4.
precision highp float;
precision highp sampler2DArray;
uniform sampler2DArray source;
layout(std140) uniform Weights { mat4 weight[4*K]; vec4 bias[4]; };
#ifdef MIXED
uniform sampler2DArray kept;        // the same layer for the expression that was kept
uniform sampler2DArray share;       // how much of it each Gaussian takes, 0..1
#endif
layout(location=0) out vec4 a;
layout(location=1) out vec4 b;
layout(location=2) out vec4 c;
layout(location=3) out vec4 d;

vec4 act(vec4 x) {
#ifdef SOFT
    return max(x, 0.) + log(1. + exp(-abs(x)));     // softplus, without overflow
#else
    return x;
#endif
}

// EACH is STEP(0) STEP(1) ... STEP(K-1): written out, because a place in the weights that is known beforehand costs less.
#ifdef MIXED
#define STEP(k) x = mix(texelFetch(source, ivec3(at, k), 0), texelFetch(kept, ivec3(at, k), 0), w); a += weight[k]*x; b += weight[K + k]*x; c += weight[2*K + k]*x; d += weight[3*K + k]*x;
#else
#define STEP(k) x = texelFetch(source, ivec3(at, k), 0); a += weight[k]*x; b += weight[K + k]*x; c += weight[2*K + k]*x; d += weight[3*K + k]*x;
#endif

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 x;
    a = bias[0]; b = bias[1]; c = bias[2]; d = bias[3];
#ifdef MIXED
    float w = texelFetch(share, ivec3(at, 0), 0).x;
#endif
    EACH
    a = act(a); b = act(b); c = act(c); d = act(d);
}
