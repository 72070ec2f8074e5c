#version 300 es
// What was blended, to the screen: colours as they are, values as colours from -1 (blue) to 1 (red).
precision highp float;
precision highp int;
uniform sampler2D blended;
uniform int mode;
uniform vec3 scale[11];
out vec4 color;

void main() {
    vec4 x = texelFetch(blended, ivec2(gl_FragCoord.xy), 0);
    if (mode == 0) { color = vec4(clamp(x.rgb, 0., 1.), 1.); return; }
    float t = clamp(5. + 5.*x.r/max(x.a, 1e-3), 0., 9.999);
    int k = int(t);
    color = vec4(mix(scale[k], scale[k + 1], t - float(k))*clamp(x.a, 0., 1.), 1.);
}
