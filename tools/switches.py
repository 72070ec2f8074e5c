"""What switches of the training do: supervision by depth, drivers who are other people with the same expression,
the optimiser of E's matrices, and the share of targets whose points are placed as at inference.

    instant4d heads --identities 5000:5080 --expressions 6 --views 3 --size 64 --depth -o heads
    instant4d heads --identities 900000:900016 --expressions 4 --views 3 --size 64 --depth -o held
    python tools/switches.py heads held --steps 400 --set train.batch=3 train.targets=2

Trains the preset `ablation` once for each variant and seed, measures on the held-out heads, and writes nbs/results/switches.json.
A variant that is there already, made with the same settings, is not trained again. Two files come from it, the second by

    python tools/switches.py heads held --steps 200 --variants plain AdamW 'AdamW, 8e-4' 'a quarter frontal' \
        --set train.batch=4 train.warmup=50 train.precision=bf16 --out nbs/results/optimisers.json
"""
import argparse, json, math, tempfile
from pathlib import Path
import torch
from instant4d import load_model
from instant4d.config import load_preset
from instant4d.data import Heads, shared_number, sharing
from instant4d.losses import depth_l1
from instant4d.training import test_views, train

VARIANTS = {'plain': {}, 'depth': dict(train_w_depth=.1), 'other drivers': dict(train_cross=.5),
            'AdamW': dict(train_optimiser='adamw'), 'AdamW, 8e-4': dict(train_optimiser='adamw', train_lr=8e-4),
            'a quarter frontal': dict(train_frontal=.25)}


def psnr(a, b): return -10*math.log10((a - b).square().mean())


@torch.no_grad()
def measure(model, heads):
    "Driven by oneself and seen from aside: PSNR and depth; driven by another person: PSNR against the true picture."
    shared, rows = sharing(heads), dict(own=[], depth=[], other=[])
    grey = lambda i, k: (heads.rgba(i,k)[:3] + .5*(1 - heads.rgba(i,k)[3:])).clamp(0, 1)
    for i in range(len(heads)):
        source, driving, (_, d, v) = test_views(heads, i, model.cfg.model.image); a = model.encode(source, crop=False)
        f = a.render(model.motion(driving, crop=False), heads.camera(i,v))
        rows['own'].append(psnr(f.chw, heads.rgba(i,v)[:3])); rows['depth'].append(depth_l1(f.depth, heads.depth(i,v), f.alpha, heads.rgba(i,v)[3]).item())
        for t in (k for k in range(heads.count(i)) if heads.shot(i,k)[0] and heads.shot(i,k)[1] == 0):
            others = [f for f in shared.get(shared_number(heads, i, t), ()) if f[0] != i and heads.shot(*f)[1] == 0]
            if others: rows['other'].append(psnr(a.render(model.motion(grey(*others[0]), crop=False), heads.camera(i,t)).chw, heads.rgba(i,t)[:3]))
    return {k: round(sum(v)/len(v), 4) for k, v in rows.items()} | dict(pairs=len(rows['other']))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('heads'); p.add_argument('held'); p.add_argument('--steps', type=int, default=1200); p.add_argument('--seeds', type=int, nargs='+', default=[0])
    p.add_argument('--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS), metavar='NAME', help=', '.join(VARIANTS))
    p.add_argument('--set', dest='settings', nargs='*', default=[], metavar='KEY=VALUE')
    p.add_argument('--out', default=str(Path(__file__).resolve().parent.parent/'nbs'/'results'/'switches.json')); a = p.parse_args()
    heads, held, M, rows = Heads(a.heads, cache=True), Heads(a.held, cache=True), load_model().motion_encoder.state_dict(), []
    about = dict(steps=a.steps, preset='ablation', settings=a.settings, people=len(heads), held=len(held), versions=heads.versions)
    if Path(a.out).exists():
        before = json.loads(Path(a.out).read_text()); rows = before['rows'] if before['about'] == about else []
    for seed in a.seeds:
        for name, changes in ((n, VARIANTS[n]) for n in a.variants):
            if any((r['variant'], r['seed']) == (name, seed) for r in rows): continue
            cfg = load_preset('ablation', train_steps=a.steps, train_seed=seed, train_ema=.99, **changes, **dict(x.split('=', 1) for x in a.settings))
            with tempfile.TemporaryDirectory() as tmp: model = train(cfg, heads, tmp, M, every=10**9)
            rows.append(dict(variant=name, seed=seed) | measure(model, held)); print(rows[-1], flush=True)
            Path(a.out).write_text(json.dumps(dict(about=about, rows=rows), indent=1) + '\n')


if __name__ == '__main__': main()
