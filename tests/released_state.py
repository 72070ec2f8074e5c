"""A stand-in for the released checkpoint: its names and shapes, and numbers that anyone can draw again. No weight of the release is in it.

Each tensor comes from numpy's generator, seeded by its name; only its size depends on the kind of layer, so that signals keep their size.
`tests/data/released.npz` holds what the original program computed with exactly these numbers, on a CPU.
"""
import hashlib, json, math
from pathlib import Path
import numpy as np, torch

KEYS = Path(__file__).parent/'data'/'released_keys.json'


def draw(key): return np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:15], 16))
def tensor(a): return torch.from_numpy(np.asarray(a, np.float32))


def of_M(key, shape):
    "A tensor of X-NeMo's motion encoder, by its name without the leading `model.`."
    r = draw(key)
    if key.endswith('num_batches_tracked'): return torch.tensor(1)
    if key.endswith('running_var'): return tensor(r.uniform(.5, 1.5, shape))
    if key.endswith('running_mean'): return tensor(.1*r.standard_normal(shape))
    if len(shape) == 1: return tensor((1 if key.endswith('weight') else 0) + .1*r.standard_normal(shape))
    return tensor(r.standard_normal(shape)/np.sqrt(np.prod(shape[1:])))


def of_small(key, n, fan):
    "Phi and Psi, whose layers divide what is stored by the root of their inputs."
    if key == 'decoder.net.2.weight':
        row = np.ones(22); row[0], row[11:14], row[14:17] = 9, .5, .7
        return (n - n.mean(1, keepdims=True))*row[:,None]
    if key == 'decoder.net.2.bias':
        a = .3*n; a[0], a[11:14], a[14:17] = -2, (.36, .06, -.23), a[14:17] - 2.5
        return a
    if key == 'motion_decoder.net.2.weight': return 30*n
    if key == 'motion_decoder.transform.mapping.weight': return 2*n/np.sqrt(fan)*2
    if key == 'motion_decoder.transform.proj.weight': return 2*n/np.sqrt(fan)
    return n if key.endswith('weight') else .3*n


def of_E(key, shape):
    "A tensor of E, Phi or Psi."
    n, fan, part = draw(key).standard_normal(shape), int(np.prod(shape[1:])) if len(shape) > 1 else 1, key.split('.')
    weight, root = part[-1] == 'weight', math.sqrt(2/fan)
    if part[0] != 'backbone': return tensor(of_small(key, n, fan))
    if part[-2] in ('norm', 'norm1', 'norm2'):
        patches = key.endswith(('net.0.norm.weight', 'net.0.norm.bias', 'in_layer.1.norm.weight', 'in_layer.1.norm.bias'))
        return tensor(((1 + .1*n) if weight else .1*n)*(1 if patches else 2))
    if 'attn' in part or 'mlp' in part: return tensor(2*(n/np.sqrt(fan)*(2 if part[-2] == 'q' else 1) if weight else .1*n))
    if not weight: return tensor(.1*n)
    if part[1] == 'deep_lab_v3':
        gain = .5 if part[-2] == 'conv2' else .7 if 'downsample' in part else .6 if key.endswith('encoder.conv1.weight') else 1
        return tensor(n*root*gain)
    return tensor(n*2/np.sqrt(fan) if key.endswith('feat_decoder.out_layer.weight') else n*root)


def checkpoint()->dict:
    "What torch.load of a released file gives, with other numbers."
    keys = json.loads(KEYS.read_text())
    return dict(E_state_dict={k: of_E(k, tuple(s)) for k, s in keys['E_state_dict'].items()},
                M_state_dict={k: of_M(k.removeprefix('model.'), tuple(s)) for k, s in keys['M_state_dict'].items()})


def portrait(n=512, k=0)->torch.Tensor:
    "A picture (1,3,n,n) in -1..1 on black: shaded discs with stripes and noise; k = 0 or 1."
    r = np.random.default_rng(11 + k); y, x = (np.mgrid[0:n, 0:n] + .5)/n*2 - 1
    out = np.zeros((3, n, n))
    for cx, cy, rad in ((0, .05 - .03*k, .62), (-.22, -.12 + .05*k, .12), (.24, -.12, .12), (.02*k, .36, .18 + .04*k), (.5, -.5, .2), (0, .95, .5)):
        c, f, p = r.uniform(.2, .9, 3), r.uniform(5, 40, 2), r.uniform(0, 6, 3); d = np.hypot(x - cx, y - cy)
        m = 1/(1 + np.exp((d - rad)*60))
        for i in range(3): out[i] = out[i]*(1 - m) + m*np.clip(c[i] + .25*np.sin(f[0]*x + f[1]*y + p[i]) - .2*d, 0, 1)
    out = np.clip(out + .02*r.standard_normal(out.shape)*(out > .02), 0, 1)
    return tensor(np.round(out*255)/255*2 - 1)[None]


def faces(b=2)->torch.Tensor:
    "Two face crops (b,3,224,224) in -1..1: waves and noise."
    r = np.random.default_rng(3); y, x = np.mgrid[0:224, 0:224]/224.
    out = [np.stack([np.sin(9*x*(i+1)+c)*np.cos(7*y+c*i) + .2*r.standard_normal((224, 224)) for c in range(3)]) for i in range(b)]
    return tensor(np.clip(np.stack(out), -1, 1))
