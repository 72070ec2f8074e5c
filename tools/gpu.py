"""Everything that only a GPU can tell, in one command: is gsplat right, how fast are the stages, and a trained checkpoint.

    python tools/gpu.py heads out --render 216:20000 --minutes 20       # on a CUDA machine; no network is used
    python tools/gpu.py heads out --toy                                 # the same, at toy size, anywhere

`heads` holds shards to begin with; more are rendered by the idle cores while the GPU trains (they need the head model, see
`instant4d facekit`). Into `out` come splat.json, bench.txt, and the folder of the run: weights, curve.json, sheet.jpg. A run
that is there goes on. Nothing here has been run on a GPU yet.
"""
import argparse, json, sys, time
from pathlib import Path
import torch
from instant4d import Camera, Gaussians, load_preset, splat
from instant4d.bench import bench_cost, bench_train
from instant4d.runs import run
from instant4d.splat_numba import test_scene


def compare(device, n, size, channels, antialiased):
    "Largest and mean difference of a picture, and the relative error of every gradient, against the float64 oracle."
    g, cams = test_scene(n, channels, pixels=1.5), Camera.look([0., 25.], [5., -10.]); weight = torch.rand(2, size, size, channels, generator=torch.Generator().manual_seed(0))
    def both(where, dtype, backend):
        leaves = {k: v.detach().to(where, dtype).clone().requires_grad_() for k, v in vars(g).items()}
        f = splat(Gaussians(**leaves), cams.to(where, dtype), size, backend, antialiased=antialiased)
        ((f.image*weight.to(f.image)).sum() + f.alpha.sum() + .1*f.depth.sum()).backward()
        return f, {k: v.grad.double().cpu() for k, v in leaves.items()}
    f, grads = both(device, torch.float32, 'auto'); o, true = both('cpu', torch.float64, 'oracle'); apart = (f.image.double().cpu() - o.image).abs()
    return dict(gaussians=n, size=size, channels=channels, antialiased=antialiased, image_max=apart.max().item(), image_mean=apart.mean().item(),
                alpha_max=(f.alpha.double().cpu() - o.alpha).abs().max().item(), depth_mean=(f.depth.double().cpu() - o.depth).abs().mean().item(),
                **{f'gradient_{k}': ((grads[k] - v).norm()/v.norm()).item() for k, v in true.items()})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('heads'); p.add_argument('out'); p.add_argument('--preset', default='gpu'); p.add_argument('--render', metavar='FROM:TO')
    p.add_argument('--workers', type=int, help='processes that render'); p.add_argument('--minutes', type=float, default=20.); p.add_argument('--held'); p.add_argument('--toy', action='store_true')
    a = p.parse_args(); out = Path(a.out); out.mkdir(parents=True, exist_ok=True); device = 'cuda' if torch.cuda.is_available() else 'cpu'
    name = torch.cuda.get_device_name() if device == 'cuda' else 'CPU'; started = time.time()
    say = lambda *x: (print(f'{time.time() - started:6.0f} s ', *x, flush=True), (out/'bench.txt').open('a').write(' '.join(map(str, x)) + '\n'))
    say(name, 'torch', torch.__version__)
    rows = [compare(device, 500 if a.toy else 4000, 48 if a.toy else 128, c, aa) for c in (3, 48) for aa in (False, True)]
    (out/'splat.json').write_text(json.dumps(dict(device=name, rows=rows), indent=1)); [say(r) for r in rows]
    if a.toy: cfg = load_preset('smoke', train_steps=8, train_warmup=2); bench_train('smoke', say, 2)
    else: cfg = load_preset(a.preset); bench_train(a.preset, say); bench_cost('paper', say)
    run(cfg, a.heads, out/'run', held=a.held, render=a.render, workers=a.workers, resume=True, minutes=a.minutes, every=4 if a.toy else 500, say=say)


if __name__ == '__main__':
    try: main()
    except (ValueError, FileNotFoundError) as e: sys.exit(f'gpu.py: {e}')
