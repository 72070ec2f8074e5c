"""The whole CUDA path on a device that is not there: python tests/cuda/checks.py [NAME ...]

Each function below checks one thing. It returns what it measured, in words, or raises. tests/test_cuda.py runs them all in one
process and makes a test of each. Values are compared with the CPU's, waits and launches with a budget. By hand: names choose
checks, -v prints where each wait comes from, and --counts prints the numbers of notebook 64.
"""

import device as D                      # before torch
import stand_in
import contextlib, json, sys, tempfile, time, traceback, warnings
from functools import cache, partial
from pathlib import Path
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT/'tests')]
import conftest                         # lets lpips be imported
from instant4d.config import load_preset
from instant4d.data.people import Heads
from instant4d.data.shards import sample_shard
from instant4d.evaluation import bench, metrics, report, rivals
from instant4d.evaluation.budget import budget
from instant4d.explore.driving import load_driver
from instant4d.explore.motion_bases import basis_map, show_similarity, similarity
from instant4d.model.avatar import Avatar
from instant4d.model.model import load_model
from instant4d.model.playing import graph_of
from instant4d.splatting import api
from instant4d.splatting.api import splat
from instant4d.splatting.cameras import Camera, orbit
from instant4d.splatting.gaussians import Gaussians
from instant4d.splatting.kernels import random_scene
from instant4d.training import loop, runs
from instant4d.training.checkpoints import load_checkpoint
from instant4d.training.judges import IdentityEmbedding, load_judge

api.need_gsplat = lambda g: stand_in.rasterization

# What may wait, and how many kernels a frame may start beside gsplat's own: lower them when you can
FRAME_WAITS, FRAME_LAUNCHES, STEP_WAITS = 1, 40, 12
CHECKS, SLOW, VERBOSE = {}, set(), '-v' in sys.argv
SCRATCH = tempfile.TemporaryDirectory(prefix='instant4d-')      # this process's own; gone with it

def scratch(): return Path(tempfile.mkdtemp(dir=SCRATCH.name))


def check(f): CHECKS[f.__name__] = f; return f
def slow_check(f): SLOW.add(f.__name__); return check(f)      # run when asked for by name


# ---------------------------------------------------------------------------------------------------- what is compared

def near(a, b, most, what='off by'):
    "The largest difference, as text; an error if it is too large."
    apart = (a.detach().cpu().double() - b.detach().cpu().double()).abs().max().item()
    assert apart <= most, f'{what} {apart:.1e}, more than {most:.0e}'
    return f'{what} {apart:.1e}'

def at_most(n, most, what):
    assert n <= most, f'{n} {what}, more than {most}\n' + D.told('counted')
    return f'{n} {what}'

@cache
def people(): return Heads(sample_shard())
@cache
def train_people(): return Heads(sample_shard().with_name('heads-train.tar'))
@cache
def reference(): return load_model('laptop')
@cache
def model(): return load_model('laptop', device='cuda')
def face(i, k): return people().on_grey(i, k)
@cache
def both_avatars():
    "The same avatar and driving code, on the CPU and on the device."
    return [(m.encode(face(20, 0), crop=False), m.motion(face(9, 3), crop=False)) for m in (reference(), model())]


# ---------------------------------------------------------------------------------------------------------- training

def fresh_accelerate():
    "accelerate decides once in a process where it runs."
    from accelerate.state import AcceleratorState, GradientState, PartialState
    AcceleratorState._reset_state(True); PartialState._reset_state(); GradientState._reset_state()

def totals(cfg, heads, steps, where, **how):
    "The loss of some steps; the last one is counted."
    fresh_accelerate()
    with where:
        T = loop.Trainer(cfg, reference().motion_encoder.state_dict(), **how); out = []
        for s in range(steps):
            batch = next(loop.batches(loop.leg(heads, cfg, s, s + 1, T.acc)))
            if s == steps - 1: D.reset_counts()
            out.append(T.step(s, batch)['total'])
    return torch.tensor(out)

def steps_agree(most, heads=None, how=lambda: {}, **settings):
    "Three steps on the device and on the CPU; the second may use its own words for the same sum."
    cfg, heads = load_preset('smoke', train_coarse=0., **settings), heads or train_people()
    cpu, gpu = (totals(cfg, heads, 3, w, **how()) for w in (contextlib.nullcontext(), D.Cuda()))
    return near(gpu, cpu, most, 'losses of three steps off by')

@check
def train_fp32_muon(): return steps_agree(1e-5)
@slow_check
def train_fp32_adamw(): return steps_agree(1e-5, train_optimiser='adamw')
@check
def train_bf16_muon(): return steps_agree(1e-3, train_precision='bf16')
@slow_check
def train_bf16_adamw(): return steps_agree(1e-3, train_precision='bf16', train_optimiser='adamw')
@slow_check
def train_in_space(): return steps_agree(1e-3, train_precision='bf16', model_deform='spatial')
@check
def train_pixels(): return steps_agree(1e-3, train_precision='bf16', model_instances='pixels')
@check
def train_fp16():
    "The CPU has no such training; it is enough that it runs and that the losses are near those in float32."
    told = [totals(load_preset('smoke', train_coarse=0., train_precision=p), train_people(), 3, D.Cuda()) for p in ('fp16', 'fp32')]
    return near(*told, 3e-2, 'losses of three steps off those of fp32 by')

@cache
def heads_with_depth():
    "Toy heads, rendered with depth."
    from instant4d.teacher.heads import make_heads
    out = scratch()
    make_heads('0:2', out, workers=1, expressions=2, views=2, size=64, toy=True, extra=('depth',))
    return Heads(out)

@slow_check
def train_every_loss():
    "All terms of equation 3 and ours, the adversary too; LPIPS is the same network with random weights."
    def how(): torch.manual_seed(0); return dict(embed=IdentityEmbedding())
    return steps_agree(2e-4, heads_with_depth(), how, train_perceptual='random', train_w_perceptual=.1, train_w_identity=.1,
                       train_w_depth=.1, train_w_adv=.025, train_adv_from=0.)

@check
def the_naked_loop():
    "The training on one page of station 7, as it stands there."
    cells = [''.join(c['source']) for c in json.loads((ROOT/'nbs'/'core'/'7_training.ipynb').read_text())['cells'] if c['cell_type'] == 'code']
    last, names = next(k for k, s in enumerate(cells) if 'def naked_loop' in s), {}
    for s in cells[:last + 1]:
        if 'import' in s and 'eval: false' not in s or 'def naked_loop' in s: exec(s, names)
    heads = names['Heads'](names['sample_shard']().with_name('heads-train.tar'))
    def losses(device): torch.manual_seed(0); return torch.tensor([loss for _, loss in names['naked_loop'](heads, 3, device)])
    with D.Cuda(): gpu = losses('cuda')
    return near(gpu, losses('cpu'), 1e-5, 'losses of three steps off by')

ADVERSARY = dict(train_w_adv=.025, train_adv_from=0.)

@check
def train_with_adversary():
    "The busiest step: bf16, Muon, adversary."
    return steps_agree(2e-3, train_precision='bf16', **ADVERSARY) + ', ' + at_most(D.waits.total(), STEP_WAITS, 'waits in a step')

def counters_on_device(T):
    "Counters of steps that lie on the device: the optimiser would read every one of them at every step."
    return sum(v.device.type == 'cuda' for o in (T.opt, T.d_opt) for s in o.state.values() for k, v in s.items() if k == 'step')

@check
def train_and_resume():
    "Checkpoint, report and weights are written; a run that goes on waits as seldom as before."
    cfg, out = load_preset('smoke', train_coarse=0., train_steps=2, **ADVERSARY), scratch()
    with D.Cuda():
        fresh_accelerate()
        loop.train(cfg, train_people(), out, reference().motion_encoder.state_dict(), every=2, report=runs.Report(people(), out, lambda _: None))
        T = loop.Trainer(cfg, reference().motion_encoder.state_dict())
        load_checkpoint(out/'last.pt', T)
        assert (n := counters_on_device(T)) == 0, f'{n} counters of steps lie on the device'
        batch = next(loop.batches(loop.leg(train_people(), cfg, 2, 3, T.acc)))
        D.reset_counts(); T.step(2, batch)
    assert (out/'best.safetensors').exists() and (out/'sheet.jpg').exists()
    return at_most(D.waits.total(), STEP_WAITS, 'waits in a step after a resume')

@check
def memory_of_a_step():
    """What a step keeps for the way back is what `instant4d train --dry-run` says, to a tenth; in 16 bits to a fifth, for a GPU rounds
    at other places than a CPU, on which the dry run counts. Tensors are counted by their memory, once."""
    said = []
    for more in ({}, dict(train_precision='bf16'), dict(train_accumulate=2)):
        cfg = load_preset('smoke', train_coarse=0., train_frontal=0., **more); sizes = {}
        def pack(t):
            s = D.to_host(t).untyped_storage()
            if s.data_ptr() not in own: sizes[s.data_ptr()] = s.nbytes()
            return t
        with D.Cuda():
            fresh_accelerate()
            T = loop.Trainer(cfg, reference().motion_encoder.state_dict())
            own = {D.to_host(p).untyped_storage().data_ptr() for n in (T.model, T.losses) for p in (*n.parameters(), *n.buffers())}
            batch = next(loop.batches(loop.leg(train_people(), cfg, 0, 1, T.acc)))
            part = loop.batch_parts(T.receive(batch), cfg.train.accumulate)[0]
            kept = []           # nothing may be freed and its address given away before all is counted
            with torch.autograd.graph.saved_tensors_hooks(lambda t: (pack(t), kept.append(D.to_host(t)))[0], lambda t: t): T.learn(0, 0, part)
        parts = budget(cfg).parts; wanted = sum(parts[k].bytes for k in ('encode', 'decode', 'perceptual'))
        share = sum(sizes.values())/wanted; said.append(f'{share:.2f}')
        assert abs(share - 1) < (.2 if 'train_precision' in more else .1), f'{more}: {share:.2f} of what the budget says'
    return 'of the budget: ' + ', '.join(said)

@check
def a_failing_report_loses_nothing():
    out = scratch()
    def report(*_): raise ValueError('the disk is full')
    with D.Cuda(), contextlib.suppress(ValueError):
        fresh_accelerate()
        loop.train(load_preset('smoke', train_coarse=0., train_steps=1), train_people(), out, reference().motion_encoder.state_dict(), report=report)
    return f'step {torch.load(out/"last.pt", "cpu", weights_only=True)["step"]} is there'


# ---------------------------------------------------------------------------------------------------------- splatting

def scene(channels, antialiased, dtype):
    "Picture and gradients against the oracle in float64."
    g, cams = random_scene(600, channels, pixels=3.), Camera.look([0., 25.], [5., -10.])
    def both(device, dtype):
        x = {k: v.detach().to(device, dtype).clone().requires_grad_() for k, v in vars(g).items()}
        f = splat(Gaussians(**x), cams.to(device, dtype), 48, antialiased=antialiased)
        (f.image.sum() + f.alpha.sum() + .1*f.depth.sum()).backward()
        return f, x
    (f, x), (o, y) = both('cuda', dtype), both('cpu', torch.float64)
    tight = 1e-12 if dtype == torch.float64 else 2e-2 if dtype == torch.float16 else 1e-3
    off = max(((x[k].grad.cpu().double() - y[k].grad).norm()/y[k].grad.norm()).item() for k in x)
    assert off < (20 if dtype == torch.float16 else 1)*tight, f'gradients off by {off:.1e}'
    assert f.image.dtype == dtype and f.image.device.type == 'cuda'
    return near(f.image, o.image, tight, 'against the oracle, off by')

@check
def splat_colours():
    with D.Cuda(): return scene(3, False, torch.float32)
@check
def splat_48_channels(): 
    with D.Cuda(): return scene(48, True, torch.float32)
@check
def splat_float64():
    with D.Cuda(): return scene(3, True, torch.float64)
@check
def splat_half():
    with D.Cuda(): return scene(3, True, torch.float16)


# ------------------------------------------------------------------------------------------------------------ avatars

@check
def encode_and_motion():
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars()
        return near(a.points, a0.points, 1e-4) + ', codes ' + near(c, c0, 1e-5)

@check
def buffers_are_contiguous():
    "Rows of points lie one after the other, as `Avatar.load` has them, and not column by column."
    with D.Cuda():
        for k, v in both_avatars()[1][0].named_buffers(): assert v.is_contiguous(), f'{k} has strides {v.stride()}'

@check
def render_a_frame():
    "A new expression from a camera on the device, and from the default one."
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars(); camera, said = Camera.look(10.).to('cuda'), []
        far = near(a.render(c, size=64).image, a0.render(c0, size=64).image, 5e-3)
        for at in (camera, None):
            a.render(c, at, 32)
            D.reset_counts(); a.render(1.1*c if at is None else 1.2*c, at, 32)
            said += [at_most(D.waits.total(), FRAME_WAITS, 'waits'), at_most(D.launches.total(), FRAME_LAUNCHES, 'launches')]
    return f'{far}; in a frame {", ".join(said[:2])}; from the default camera {", ".join(said[2:])}'

@check
def one_order_for_a_frame():
    "M and the driven path as a CUDA graph: a picture in, Gaussians out; nothing in it waits, and a new picture gives new ones."
    with D.Cuda():
        (a0, _), (a, _) = both_avatars(); pictures = [face(9, k)[None] for k in (3, 4)]
        drive = graph_of(a, model().motion_encoder, pictures[0].to('cuda'))
        for x in pictures:
            y = x.to('cuda'); D.reset_counts(); g = drive(y)
            launches = at_most(D.launches.total(), 2, 'launches') + ', ' + at_most(D.waits.total(), 0, 'waits')
            far = near(g.means, a0.gaussians(reference().motion_encoder(x)[0]).means, 1e-4)
    return f'{far}; {launches}'

@check
def animate():
    def frames(a, c, cameras): return torch.stack([f.image for f in a.animate(torch.stack([c, 1.2*c]), cameras, 48)])
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars()
        return near(frames(a, c, orbit(2)), frames(a0, c0, orbit(2)), 5e-3)

@check
def refine():
    "Ten steps of the fit of notebook 30."
    photo, alpha, camera = people().rgba(20, 0)[:3], people().rgba(20, 0)[3], people().camera(20, 0)
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars()
        r0, r = (v.refine(photo, camera, alpha, steps=10, size=64) for v in (a0, a))
        return near(r.render(c, size=64).image, r0.render(c0, size=64).image, 2e-2)

@check
def bake():
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars()
        b0, b = (v.bake(.5, [None, k], orbit(2), 48) for v, k in ((a0, c0), (a, c)))
        return near(b.render(c, size=48).image, b0.render(c0, size=48).image, 2e-2)

@check
def motion_bases():
    with D.Cuda():
        (a0, _), (a, _) = both_avatars()
        m0, m = basis_map(a0, size=32), basis_map(a, size=32)
        show_similarity(similarity(m, (.5, .6)), m)
        return near(a.bases(size=32).image, a0.bases(size=32).image, 5e-3) + ', ' + near(similarity(m, (.5, .6)), similarity(m0, (.5, .6)), 5e-2)

@check
def save_and_load():
    "A file written on the device opens on the CPU, and there again."
    path = scratch()/'a.safetensors'
    with D.Cuda():
        (a0, c0), (a, c) = both_avatars(); a.save(path)
        there, here = Avatar.load(path).to('cuda'), Avatar.load(path)
        return near(there.render(c, size=32).image, here.render(c0, size=32).image, 5e-3)

@check
def named_coefficients():
    "A driver's codes, from rest and from the portrait's own code."
    with D.Cuda():
        (a0, _), (a, _) = both_avatars()
        d0, d = load_driver(reference()), load_driver(model())
        a.render(d({'jawOpen': 1.}), size=32)
        return near(d({'jawOpen': 1.}, own=a.code), d0({'jawOpen': 1.}, own=a0.code), 1e-4)


# --------------------------------------------------------------------------------------------- measuring and the rest

@slow_check
def evaluation():
    "The table of two people; columns agree with the CPU's."
    def table(device):
        with D.Cuda() if device == 'cuda' else contextlib.nullcontext():
            m = model() if device == 'cuda' else reference()
            h = metrics.Harness(m, people(), load_judge())
            return torch.tensor([r['psnr_head'] for r in metrics.measure(h, metrics.all_cases(people(), [0, 1])) if r['row'] == 'driven'])
    return near(table('cuda'), table('cpu'), .02, 'dB off by')

@slow_check
def rivals_of_the_paper():
    "Every rival trains one step on the device and is measured there."
    out = scratch()
    with D.Cuda():
        fresh_accelerate()
        rivals.ablate(train_people(), people(), out, seeds=(0,), steps=1, start_steps=1, preset='smoke', people=1, say=lambda _: None)
    return f'{len(json.loads((out/"ablations.json").read_text())["runs"])} rivals'

@slow_check
def costs():
    "`instant4d bench --preset smoke`: stages of a frame, and the rows of Table 2."
    lines = []
    with D.Cuda():
        bench.cost_stages('smoke', 'cuda', say=lines.append)
        bench.bench_train('smoke', say=lines.append, steps=1)
    return f'{len(lines)} lines'

@slow_check
def the_gpu_command():
    "`instant4d bench gpu --toy`, from the comparison of splatters to weights."
    out = scratch()
    with D.Cuda():
        fresh_accelerate()
        bench.bench_gpu(sample_shard().with_name('heads-train.tar'), out, toy=True, held=[sample_shard()], say=lambda _: None)
    return ', '.join(sorted(p.name for p in (*out.iterdir(), *(out/'run').iterdir()) if p.is_file()))


def counts():
    "What notebook 64 shows: waits, launches and megabytes of a frame and of a training step, without a budget."
    out, cfg = {}, load_preset('smoke', train_coarse=0., train_steps=2, train_precision='bf16', **ADVERSARY)
    def note(name): out[name] = dict(waits=D.waits.total(), launches=D.launches.total(), mb=round(sum(D.moved.values())/1e6, 3))
    totals(cfg, train_people(), 3, D.Cuda()); note('step')
    with D.Cuda():
        a, c = both_avatars()[1]
        for name, at in (('frame', Camera.look(10.).to('cuda')), ('frame, default camera', None)):
            a.render(c, at, 32); D.reset_counts(); a.render(1.1*c if at is None else 1.2*c, at, 32); note(name)
        fresh_accelerate(); folder = scratch()
        loop.train(cfg, train_people(), folder, reference().motion_encoder.state_dict(), every=2)
        T = loop.Trainer(cfg, reference().motion_encoder.state_dict()); load_checkpoint(folder/'last.pt', T)
        batch = next(loop.batches(loop.leg(train_people(), cfg, 2, 3, T.acc)))
        D.reset_counts(); T.step(2, batch); note('step after a resume')
    print(json.dumps(out))


def main(names):
    "Run them; a line of JSON for each."
    warnings.simplefilter('ignore')
    for name in names or [n for n in CHECKS if n not in SLOW]:
        D.reset_counts(); started = time.perf_counter()
        try: row = dict(ok=True, said=CHECKS[name]() or 'done')
        except Exception as e:
            at = [f'{Path(x.filename).name}:{x.lineno}' for x in traceback.extract_tb(e.__traceback__) if '/instant4d/' in x.filename]
            row = dict(ok=False, said=f'{type(e).__name__}: {str(e)[:1500]} at {" > ".join(at[-3:])}')
        print(json.dumps(dict(name=name, seconds=round(time.perf_counter() - started, 1)) | row), flush=True)
        if VERBOSE: print(D.told(name))

if __name__ == '__main__': counts() if '--counts' in sys.argv else main([a for a in sys.argv[1:] if a in CHECKS])
