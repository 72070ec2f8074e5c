#version 300 es
// alpha = o exp(-d^2/2), capped at .999, nothing below 1/255 (oracle.footprints); blended back to front.
precision highp float;
precision highp int;
uniform int mode;
uniform float grow;
in vec2 p;
in vec4 ink;
out vec4 color;

void main() {
    if (grow > 0.) {                                    // a solid, shaded where it turns away
        float r = length(p)/grow, a = clamp((1. - r)/fwidth(r) + .5, 0., 1.), shade = mode == 0 ? .4 + .6*sqrt(max(1. - r*r, 0.)) : 1.;
        if (a == 0.) discard;
        color = vec4(ink.rgb*shade*a, a);
        return;
    }
    float a = min(ink.a*exp(-.5*dot(p, p)), .999);
    if (a < 1./255.) discard;
    color = vec4(ink.rgb*a, a);
}
