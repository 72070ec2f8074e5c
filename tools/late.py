"""Train the two rivals of notebook 72 on the bundled trunk: python tools/late.py heads [--steps 1000]

`heads` holds shards to train on. (a) and (b) of notebook 63 start alike, learn from the same samples in the same order, and share
the frozen trunk of the bundled E. Writes instant4d/weights/late-*.safetensors and nbs/results/late.json; goes on where it stopped.
"""
import argparse, json, sys
from pathlib import Path
from instant4d.ablations import late_file, result, rival_harness, save_late, still_parts, train_rival, trunk_sum
from instant4d.avatar import load_model
from instant4d.data import Heads, sample_shard

p = argparse.ArgumentParser(); p.add_argument('heads', nargs='+'); p.add_argument('--steps', type=int, default=1000)
p.add_argument('--names', nargs='+', default=['feature','spatial']); p.add_argument('--out', default='out/late')
p.add_argument('--people', type=int, default=24); p.add_argument('--set', dest='settings', nargs='*', default=['train.lr=1e-3'])
a = p.parse_args(); root = Path(__file__).resolve().parent.parent
command = f'python tools/late.py heads --steps {a.steps} --set {" ".join(a.settings)}'
heads, held, base = Heads(a.heads, cache=True), Heads(sample_shard()), load_model()
settings = dict(train_warmup=50, train_coarse=0, train_ema=.99, train_optimiser='adamw') | dict(s.split('=', 1) for s in a.settings)
about = dict(command=command, steps=a.steps, trunk=trunk_sum(base), people=len(heads), renderer=heads.versions, held=[p['identity'] for p in held.people[:a.people]])
path, h = root/'nbs'/'results'/'late.json', rival_harness(held)
for name in a.names:
    model, curve = train_rival(name, 0, heads, a.out, still_parts(base), a.steps, 'laptop', late=True, **settings)
    run = result(h, model, range(a.people), name=name, seed=0, curve=curve)
    save_late(model, late_file(name), command=command, steps=a.steps)
    r = json.loads(path.read_text()) if path.exists() else {}
    runs = r.get('runs', []) if r.get('about') == about else []             # of another trunk or length: begin afresh
    runs = [x for x in runs if x['name'] != name] + [run]
    path.write_text(json.dumps(dict(about=about, runs=runs)) + '\n'); print(name, curve[-1], file=sys.stderr)
