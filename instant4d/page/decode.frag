#version 300 es
// The last layer of Phi and what its 14 numbers mean: one Gaussian in each pixel (eq. 1, GaussianDecoder.gaussians).
precision highp float;
precision highp sampler2DArray;
uniform sampler2DArray moved;       // W Psi(m, source, driving): what the expression brings to Phi's hidden layer
uniform sampler2DArray own;         // W f + b: what the feature brings
uniform sampler2DArray points;      // where the feature was read
layout(std140) uniform Weights { mat4 weight[4*K]; vec4 bias[4]; };
uniform float pitch;                // the unit of the scales
uniform vec3 reach;                 // farthest a mean moves from its point
uniform float largest;              // of the scales, in pitches
#ifdef DETAIL
uniform sampler2DArray detail;      // W r: what a photograph added, which an expression fades
uniform float gate;
#endif
layout(location=0) out vec4 place;  // mean, opacity
layout(location=1) out vec4 covA;   // covariance: xx, xy, xz, yy
layout(location=2) out vec4 covB;   // yz, zz
layout(location=3) out vec4 color;

vec4 softplus(vec4 x) { return max(x, 0.) + log(1. + exp(-abs(x))); }
float sigmoid(float x) { return 1./(1. + exp(-x)); }
vec3 sigmoid(vec3 x) { return 1./(1. + exp(-x)); }

#ifdef DETAIL
#define DETAILED(k) + left*texelFetch(detail, ivec3(at, k), 0)
#else
#define DETAILED(k)
#endif
// EACH is STEP(0) STEP(1) ... STEP(K-1), as in layer.frag
#define STEP(k) x = softplus(texelFetch(moved, ivec3(at, k), 0) + texelFetch(own, ivec3(at, k), 0) DETAILED(k)); a += weight[k]*x; b += weight[K + k]*x; c += weight[2*K + k]*x; d += weight[3*K + k]*x;

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 x, a = bias[0], b = bias[1], c = bias[2], d = bias[3];
#ifdef DETAIL
    float s = 0.;
    for (int k = 0; k < K; k++) { vec4 g = texelFetch(moved, ivec3(at, k), 0); s += dot(g, g); }
    float left = 1./(1. + s/(gate*gate));
#endif
    EACH
    // a: offset, scale.x   b: scale.yz, quaternion w, x   c: quaternion y, z, opacity, red   d: green, blue
    vec3 s3 = vec3(a.w, b.xy);
#ifdef ABSOLUTE
    vec3 mean = pitch*tanh(a.xyz), scale = .05*pitch*sigmoid(s3);
#else
    vec3 mean = texelFetch(points, ivec3(at, 0), 0).xyz + reach*tanh(a.xyz), scale = pitch*clamp(.5*exp(s3), .05, largest);
#endif
    vec4 q = normalize(vec4(b.z + 1., b.w, c.xy));      // w, x, y, z
    vec3 v = q.yzw;
    mat3 cross = mat3(0., v.z, -v.y, -v.z, 0., v.x, v.y, -v.x, 0.);
    mat3 R = mat3(1.) + 2.*(q.x*cross + cross*cross);
    mat3 M = mat3(R[0]*scale.x, R[1]*scale.y, R[2]*scale.z), S = M*transpose(M);
    place = vec4(mean, sigmoid(c.z));
    covA = vec4(S[0][0], S[1][0], S[2][0], S[1][1]);
    covB = vec4(S[2][1], S[2][2], 0., 0.);
    color = vec4(sigmoid(vec3(c.w, d.xy))*1.002 - .001, 1.);
}
