"""Practise one-sided mouths, with and without places, for notebook 81: python tools/place.py heads [--steps 4000]

`heads` holds shards to train on, best with `instant4d heads --lopsided` among them. E and M speak once: what they say of portraits and
of driving pictures is kept, some 10 MB a person. Then Psi learns, alone (psi) or with the places of E's last layer (place); all else
stays as it is. `--names no-draws no-neutral no-skin` leaves one part of the practice out: one-sided faces drawn more often, neutral
portraits, the loss on the skin around mouths. `--names practice usual` go on from psi with the ordinary training (notebook 57) of all
that follows E's trunk: with `mouths` and `neutral`, and without. Writes place.json and a late-NAME.safetensors each into out/place,
where the bundled one came from.
"""
import argparse, dataclasses, json, random, sys, time
from pathlib import Path
import torch
from instant4d.ablations import load_late, result, rival_harness, save_late, train_rival, trunk_sum
from instant4d.avatar import Instant4D, checksum, load_model, read_tensors
from instant4d.bottleneck import one_sided
from instant4d.cameras import Camera
from instant4d.data import MOUTHS, Heads, details, disc, lopsided_frames, sample_shard
from instant4d.encoding import PLACE, places_of
from instant4d.evaluation import on_grey
from instant4d.losses import Losses, detail_l1
from instant4d.splatting import splat
from instant4d.training import follow, learned, trainable
from instant4d.triplanes import sample_triplane, split_features

ARMS = 'psi', 'place', 'no-draws', 'no-neutral', 'no-skin', 'practice', 'usual'
LATER = ARMS[5:]         # these go on from psi
ORDINARY = dict(train_lr=1e-3, train_optimiser='adamw', train_w_detail=2., train_coarse=0., train_ema=.995, train_precision='bf16')

def told(base):
    "The same model, with places that say nothing yet."
    model = Instant4D(dataclasses.replace(base.cfg, model=dataclasses.replace(base.cfg.model, place=1)))
    model.load_state_dict(base.state_dict(), strict=False)
    return model.eval().requires_grad_(False)

@torch.no_grad()
def remember(model, heads, i:int, k:int):
    "What E says of a portrait: points, features, bases, and where on the xy plane the points lie."
    planes = model.encoder(on_grey(heads.rgba(i,k))[None]); x = model.points(planes, Camera.stack([Camera.look()]))
    where = torch.zeros_like(planes[:,:,:2]); where[:,0] = places_of(planes[:,0])
    return *(v[0].bfloat16() for v in split_features(sample_triplane(planes, x))), sample_triplane(where, x)[0], x[0]

class Memory:
    "Portraits and motion codes, each computed once; and what to draw next."
    def __init__(self, model, heads, seed=0):
        self.model, self.heads, self.rng, self.codes = model, heads, random.Random(seed), {}
        self.mouths, self.sided = lopsided_frames(heads, MOUTHS), lopsided_frames(heads)
        both = [self.portraits(i) for i in range(len(heads))]
        self.sources = [(i, k) for i, p in enumerate(both) for k in set(p)]; self.chance = [(i, k) for i, (_, k) in enumerate(both)]
        self.said = {s: remember(model, heads, *s) for s in self.sources}
    def portraits(self, i):
        "A neutral frame, and any."
        every = list(range(self.heads.count(i))); still = [k for k in every if self.heads.shot(i,k)[0] == 0]
        return self.rng.choice(still or every), self.rng.choice(every)
    @torch.no_grad()
    def code(self, i, k):
        if (i,k) not in self.codes: self.codes[i,k] = self.model.motion(on_grey(self.heads.rgba(i,k)), crop=False)
        return self.codes[i,k]
    def driver(self, i, k):
        "The target itself, or as often another view of its expression."
        same = [q for q in range(self.heads.count(i)) if q != k and self.heads.shot(i,q)[0] == self.heads.shot(i,k)[0]]
        return self.rng.choice(same) if same and self.rng.random() < .5 else k
    def draw(self, arm):
        "A portrait and a target: a one-sided mouth, another one-sided face, the portrait's own expression, or anything."
        sources = self.chance if arm == 'no-neutral' else self.sources
        u = self.rng.random(); i, s = self.rng.choice(sources)
        if arm == 'no-draws' and u < .45: u = 1.
        while u < .3 and i not in self.mouths: i, s = self.rng.choice(sources)
        own = [k for k in range(self.heads.count(i)) if self.heads.shot(i,k)[0] == self.heads.shot(i,s)[0]]
        few = self.mouths.get(i) if u < .3 else self.sided.get(i) if u < .45 else own if u < .6 else None
        return i, s, self.rng.choice(few or range(self.heads.count(i)))

def around_mouth(heads, i, k, size):
    "A disc; lips leave skin behind, which counts too."
    marks = torch.tensor(heads.frame(i,k)['landmarks2d'])
    return disc(marks[48:68].mean(0), .8*(marks[54] - marks[48]).norm(), size)

def loss_of(model, memory, rows, losses, arm):
    "Eq. 2 and the losses of notebook 52, for rows of (person, portrait, target)."
    h, stack = memory.heads, lambda f: torch.stack([f(*r) for r in rows])
    f, m, at, x = (stack(lambda i,s,k: memory.said[i,s][j].float()) for j in range(4))
    if arm == 'place': m = m + PLACE*at @ model.encoder.out.place[m.shape[-1]:2*m.shape[-1],:,0,0].T
    r = model.psi(m, stack(lambda i,s,k: memory.code(i,s)), stack(lambda i,s,k: memory.code(i, memory.driver(i,k))))
    one = lambda v: v[:,None]; true = stack(lambda i,s,k: h.rgba(i,k))
    frame = splat(model.phi(f + r, x).map(one), Camera.stack([h.camera(i,k) for i,_,k in rows]).map(one), true.shape[-1],
                  antialiased=True, check=False)
    detail, mouth = stack(lambda i,s,k: details(h, i, k)), stack(lambda i,s,k: around_mouth(h, i, k, true.shape[-1]))
    image, alpha, detail, mouth = (v[:,None].float() for v in (true[:,:3], true[:,3], detail, mouth))
    length = torch.stack([torch.zeros_like(r[...,0]), r.norm(dim=-1)], 1)      # eq. 3 passes over a first target
    loss, terms = losses(frame, length, r.new_zeros(1,1,1), dict(image=image, alpha=alpha, detail=detail))
    return loss + (arm != 'no-skin')*detail_l1(frame.image, image.movedim(2,-1), mouth), terms

def learn(name, base, memory, steps, lr, norm, batch=6):
    "Train one of `ARMS`; the averaged model, and its curve."
    torch.manual_seed(0); memory.rng = random.Random(1); model = told(base)
    psi, where = list(model.psi.parameters()), model.encoder.out.place
    # bases spread over tens: their places learn ten times faster
    groups = [dict(params=psi, share=1.)] + [dict(params=[where], share=10.)]*(name == 'place')
    for g in groups:
        for p in g['params']: p.requires_grad_()
    opt = torch.optim.AdamW(groups, weight_decay=0.)
    losses = Losses(dict(l1=1., alpha=.5, edges=.5, detail=2., norm=norm), 'none')
    average, curve, recent, begun = {k:p.detach().clone() for k, p in learned(model)}, [], [], time.process_time()
    for n in range(steps):
        for g in opt.param_groups: g['lr'] = lr*g['share']*min(1, (n+1)/30, 1.5*(1 - n/steps))
        loss, terms = loss_of(model, memory, [memory.draw(name) for _ in range(batch)], losses, name)
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(trainable(model), 1.); opt.step()
        follow(average, model, min(.99, (1+n)/(10+n)))
        recent.append(terms['detail'].item())
        if len(recent) == max(1, steps//10):
            curve.append([round(time.process_time() - begun, 1), n+1, round(sum(recent)/len(recent), 5)]); recent = []
            print(name, *curve[-1], file=sys.stderr)
    model.load_state_dict(model.state_dict() | average)
    return model.requires_grad_(False), curve

def go_on(name, heads, steps, out):
    "Ordinary training of what follows E's trunk, from psi on."
    start = load_late(path=Path(out)/'late-psi.safetensors').state_dict()
    more = dict(train_mouths=.7, train_neutral=.5) if name == 'practice' else {}
    return train_rival('feature', 0, heads, Path(out)/name, start, steps, 'laptop', late=True, **ORDINARY, **more)

def short(x):
    "Five digits are enough for a file."
    if isinstance(x, dict): return {k:short(v) for k, v in x.items()}
    return [short(v) for v in x] if isinstance(x, list) else float(f'{x:.5g}') if isinstance(x, float) else x

def arguments(words=None):
    p = argparse.ArgumentParser(); p.add_argument('heads', nargs='+'); p.add_argument('--steps', type=int, default=4000)
    p.add_argument('--on', type=int, default=900, help='steps of practice and usual'); p.add_argument('--lr', type=float, default=1e-3)
    p.add_argument('--norm', type=float, default=.002, help="weight of the residual's length")
    p.add_argument('--names', nargs='+', default=ARMS[:2], choices=ARMS)
    p.add_argument('--people', type=int, default=24); p.add_argument('--out', default='out/place')
    a = p.parse_args(words)
    if min(a.steps, a.on) < 1: p.error('--steps and --on must be 1 or more')
    if not 1 <= a.people <= 64: p.error('--people must be 1 to 64')
    return a

def open_training(folders, kept_aside):
    "Shards with one-sided mouths, landmarks, and nobody who is measured; one line for others."
    heads = Heads(folders, cache=True); seen = {p['identity'] for p in kept_aside}
    if own := [p['identity'] for p in heads.people if p['identity'] in seen]:
        raise ValueError(f'identity {own[0]} is one of those that are measured; train on others')
    if not set(sum(MOUTHS, ())) <= set(heads.names) or not lopsided_frames(heads, MOUTHS):
        raise ValueError(f'{folders[0]}: no mouth does anything on one side only; render some with instant4d heads --lopsided')
    if bad := [p['identity'] for p in heads.people if any(f.get('landmarks2d') is None or not len(f['landmarks2d']) for f in p['frames'])]:
        raise ValueError(f'identity {bad[0]} has no landmarks2d; take heads that were rendered with them')
    return heads

def main(a):
    base, held, aside = load_model(), Heads(sample_shard()), Heads(sample_shard().with_name('heads-one-sided.tar'))
    names = sorted(set(a.names), key=ARMS.index); later = set(names) & set(LATER)
    if later and 'psi' not in names and not (Path(a.out)/'late-psi.safetensors').exists():
        raise ValueError(f'{a.out}: no late-psi.safetensors to go on from; add psi to --names')
    heads = open_training(a.heads, held.people + aside.people); memory = Memory(base, heads) if set(names) - later else None
    about = dict(command=f'python tools/place.py heads --steps {a.steps} --lr {a.lr} --norm {a.norm} --on {a.on}', steps=a.steps,
                 trunk=trunk_sum(base), people=len(heads), mouths=len(lopsided_frames(heads, MOUTHS)), renderer=heads.versions,
                 held=[p['identity'] for p in held.people[:a.people]])
    path, h = Path(a.out)/'place.json', rival_harness(held)
    for name in ('bundled', *names):
        model, curve, more = base, [], {}
        if name != 'bundled':
            model, curve = go_on(name, heads, a.on, a.out) if name in LATER else learn(name, base, memory, a.steps, a.lr, a.norm)
            file = Path(a.out)/f'late-{name}.safetensors'; save_late(model, file, command=about['command'], steps=a.on if name in LATER else a.steps)
            more = dict(weights=checksum(read_tensors(file, 'late')[0])); model = load_late(path=file)      # as it will be used
        run = result(h, model, range(a.people), name=name, curve=curve) | more
        run['scores'] = {'driven': run['scores']['driven']}         # the file stays small
        asked = [(aside, *m) for m in MOUTHS] + [(held, 'eyeBlink_L', 'eyeBlink_R')]
        run['sided'] = {l:[r for _, r in one_sided(model, people, l, r)] for people, l, r in asked}
        r = json.loads(path.read_text()) if path.exists() else {}
        runs = [x for x in r.get('runs', []) if x['name'] != name and r.get('about') == about]
        path.parent.mkdir(parents=True, exist_ok=True); path.write_text(json.dumps(dict(about=about, runs=runs + [short(run)])) + '\n')

if __name__ == '__main__':
    try: main(arguments())
    except (ValueError, OSError) as e: sys.exit(f'place: {e}')
