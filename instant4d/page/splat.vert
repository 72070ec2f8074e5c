#version 300 es
// A Gaussian becomes a rectangle that holds its footprint: splatting/oracle.py, line by line.
precision highp float;
precision highp int;
precision highp sampler2DArray;
uniform sampler2DArray gaussians;   // of decode.frag
uniform sampler2DArray values;      // one number for each Gaussian
uniform mat3 axes;                  // columns: the camera's right, down and forward
uniform float focal;                // as a fraction of the picture
uniform float far;                  // from the camera to the middle of the world
uniform float pixels;               // a side
uniform bool antialiased;
uniform int mode;                   // 0 colours, 1 values, 2 places
uniform float grow;                 // above 0: as ellipsoids of so many standard deviations
in uint id;
out vec2 p;                         // place in the footprint, standard deviations
out vec4 ink;                       // what to blend, opacity

void main() {
    int w = textureSize(gaussians, 0).x;
    ivec2 at = ivec2(int(id) % w, int(id)/w);
    vec4 place = texelFetch(gaussians, ivec3(at, 0), 0), A = texelFetch(gaussians, ivec3(at, 1), 0), B = texelFetch(gaussians, ivec3(at, 2), 0);
    mat3 S = mat3(A.x, A.y, A.z, A.y, A.w, B.x, A.z, B.x, B.y);
    vec3 c = place.xyz*axes + vec3(0., 0., far);        // in the camera's axes
    float f = focal*pixels, wide = .65/focal;           // the slope is held at 1.3 times the view
    vec2 slope = clamp(c.xy/c.z, -wide, wide);
    vec3 x = (axes[0] - slope.x*axes[2])*f/c.z, y = (axes[1] - slope.y*axes[2])*f/c.z;   // rows of J W
    vec3 Sx = S*x, Sy = S*y;
    float xx = dot(x, Sx), xy = dot(x, Sy), yy = dot(y, Sy), sharp = xx*yy - xy*xy, o = place.w, blur = grow > 0. ? 0. : .3;
    xx += blur; yy += blur;
    float area = max(xx*yy - xy*xy, 1e-30);
    if (antialiased && grow == 0.) o *= sqrt(max(sharp/area, 1e-12));      // the opacity pays for the blur
    float least = grow > 0. ? .1 : 1./255., reach = grow > 0. ? grow : sqrt(2.*log(max(255.*o, 1.)));
    gl_Position = vec4(2., 2., 2., 1.);
    p = vec2(0.); ink = vec4(0.);
    if (o < least || c.z < .01) return;
    float m = .5*(xx + yy), r = sqrt(max(.25*(xx - yy)*(xx - yy) + xy*xy, 0.)), big = m + r, small = max(area/big, 1e-12);
    vec2 e = abs(xy) > 1e-12 ? normalize(vec2(xy, big - xx)) : xx >= yy ? vec2(1., 0.) : vec2(0., 1.);
    p = (vec2(gl_VertexID & 1, gl_VertexID >> 1)*2. - 1.)*reach*(grow > 0. ? 1.1 : 1.);
    vec2 shift = p.x*sqrt(big)*e + p.y*sqrt(small)*vec2(-e.y, e.x), seen = 2.*(focal*c.xy/c.z + shift/pixels);
    gl_Position = vec4(seen.x, -seen.y, 0., 1.);
    ink = vec4(mode == 0 ? texelFetch(gaussians, ivec3(at, 3), 0).rgb : mode == 1 ? texelFetch(values, ivec3(at, 0), 0).xxx : place.xyz, o);
}
