"""The parts of the paper at the paper's size: how large, how exact, how fast, and what they say when something does not fit."""
import math, statistics, subprocess, sys, threading, time
import pytest, torch
from torch import nn

N = 64*64*48


@pytest.fixture(scope='module')
def dense():
    "An avatar of the paper's number of Gaussians that shows a head: the bundled planes, read more densely."
    from instant4d.model.model import load_model
    from instant4d.evaluation.bench import dense_avatar
    from instant4d.data.people import Heads
    from instant4d.data.shards import sample_shard
    model, h = load_model('laptop'), Heads(sample_shard())
    return dense_avatar(model, h.on_grey(20, 0)), model.motion(h.on_grey(9, 3), crop=False)


def test_encoder_has_the_counted_size():
    "Number by number what two public re-implementations add up to, with 3 x 96 channels out; no weight is made."
    from instant4d.config import load_preset
    from instant4d.model.encoding import LP3DEncoder, make_encoder
    with torch.device('meta'): net = make_encoder(load_preset('paper').model)
    assert isinstance(net, LP3DEncoder) and sum(p.numel() for p in net.parameters()) == 64_665_472
    assert net.out.out_channels == 288 and net(torch.empty(2, 3, 512, 512, device='meta')).shape == (2, 3, 96, 256, 256)


def test_encoder_learns():
    "Every parameter of the narrow copy gets a gradient."
    from instant4d.config import load_preset
    from instant4d.model.encoding import LP3DEncoder
    torch.manual_seed(0); net = LP3DEncoder(load_preset('laptop').model, w=4, depth=1)
    net(torch.rand(1, 3, 128, 128)).square().mean().backward()
    dead = [k for k, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all() or p.grad.abs().max() == 0]
    assert not dead


def test_encoder_refuses_other_planes():
    from instant4d.config import load_preset
    from instant4d.model.encoding import make_encoder
    with pytest.raises(ValueError, match='planes = image/2'): make_encoder(load_preset('smoke', model_encoder='lp3d', model_planes=16).model)


def test_disk_and_half_precision(dense, tmp_path):
    "At most 42 MB, and at least 50 dB to float32 in still and driven pictures from two sides."
    from instant4d import Avatar, Camera
    from instant4d.images import psnr
    avatar, code = dense; path = tmp_path/'me.avatar.safetensors'; avatar.save(path); assert path.stat().st_size <= 42e6
    back = Avatar.load(path); assert len(back.points) == N
    for c in (None, code):
        for yaw in (0, 30): assert psnr(back.render(c, Camera.look(yaw), 512).image, avatar.render(c, Camera.look(yaw), 512).image) >= 50


def test_plays_without_encoders(dense, tmp_path):
    "Where no E and no M can be made, a saved avatar still plays."
    avatar, code = dense; small = avatar.bake(.1, [None, code], size=64); small.save(tmp_path/'a.safetensors'); torch.save(code, tmp_path/'c.pt')
    source = f'''
import torch
from torch import nn
import instant4d.model.avatar as a, instant4d.model.encoding as e, instant4d.model.fan as f, instant4d.model.motion as m
def refuse(self, *args, **kw): raise SystemExit("an encoder was made")
for c in (e.Encoder, e.LP3DEncoder, f.XNemoEncoder, m.MotionEncoder): c.__init__ = refuse
v = a.Avatar.load({str(tmp_path/'a.safetensors')!r}); v.render(torch.load({str(tmp_path/'c.pt')!r}), size=64)
print(sum(t.numel() for t in v.state_dict().values()))'''
    run = subprocess.run([sys.executable, '-c', source], capture_output=True, text=True); assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 100*len(small.points) + 150_000                  # 99 numbers a Gaussian, Phi and Psi, and nothing else


def test_threads_agree_and_are_restored(dense):
    "One thread, two threads, and two callers at once give the same Gaussians; torch keeps its number of threads."
    from instant4d.model.playing import drive_fast, fold
    avatar, code = dense; f, before, got = fold(avatar), torch.get_num_threads(), []
    try:
        torch.set_num_threads(1); one = drive_fast(avatar, f, code); torch.set_num_threads(2); two = drive_fast(avatar, f, code)
        assert torch.get_num_threads() == 2
        callers = [threading.Thread(target=lambda: got.append(drive_fast(avatar, f, code))) for _ in range(2)]
        [t.start() for t in callers]; [t.join() for t in callers]
    finally: torch.set_num_threads(before)
    for g in (two, *got):
        for k in vars(one): assert torch.allclose(getattr(g, k), getattr(one, k), atol=1e-5)


def test_other_precision_takes_the_slow_road():
    from instant4d.evaluation.bench import stand_in
    from instant4d.config import load_preset
    a = stand_in(load_preset('smoke')).double(); code = torch.randn(512).double()
    assert a.deform(code).n == 2048
    with pytest.raises(ValueError, match='double precision'): a.gaussians(code)


def test_changed_weights_are_noticed():
    "The folded part follows the weights it was made of."
    from instant4d.evaluation.bench import stand_in
    from instant4d.config import load_preset
    a, code = stand_in(load_preset('smoke')), torch.randn(512); nn.init.normal_(a.psi.fc2.weight, std=.1); a.gaussians(code)
    a.psi.fc1.weight *= 2; a.feature += 1
    for k, v in vars(a.deform(code)).items(): assert torch.allclose(getattr(a.gaussians(code), k), v, atol=1e-5)


@pytest.mark.parametrize('keep', [0, -.5, 1.5, math.nan])
def test_bake_refuses(keep):
    from instant4d.evaluation.bench import stand_in
    from instant4d.config import load_preset
    with pytest.raises(ValueError, match='share of Gaussians'): stand_in(load_preset('smoke')).bake(keep)


def test_motion_encoder_of_another_length():
    from instant4d import Instant4D, load_preset
    class Short(nn.Module):
        def forward(self, x): return x.mean((2, 3))
    model = Instant4D(load_preset('smoke'), Short()).eval()
    with pytest.raises(ValueError, match=r'gives \(1, 3\).*wants \(1, 512\)'): model.motion(torch.rand(3, 64, 64))
    with pytest.raises(ValueError, match='set code = 512'): Instant4D(load_preset('smoke', model_motion='fan', model_code=64))


def test_dino_at_a_published_size(tmp_path):
    "The smallest published size with registers: written, read strictly, the same answers from another resolution of its places."
    from instant4d.model.dino import DinoEncoder, DinoV2, load_dino
    torch.manual_seed(0); net = DinoV2(registers=4).eval(); torch.save(net.state_dict(), tmp_path/'dinov2_vits14_reg4_pretrain.pth')
    M, x = load_dino(tmp_path/'dinov2_vits14_reg4_pretrain.pth', size=112), torch.rand(2, 3, 150, 150)
    with torch.no_grad(): assert torch.equal(M(x), DinoEncoder(net, size=112)(x))
    assert len(M.net.state_dict()) == 4 + 4 + 12*14 and not any(p.requires_grad for p in M.parameters())


@pytest.mark.slow
def test_driven_path_is_near_its_floor():
    "Processor time of one thread, in turns with the four products alone: within 1.4 of them."
    from instant4d.model.playing import drive_fast, fold, products
    from instant4d.evaluation.bench import stand_in
    from instant4d.config import load_preset
    a = stand_in(load_preset('paper')); f, code, before = fold(a), torch.randn(512), torch.get_num_threads()
    def cpu(g): t = time.process_time(); g(); return time.process_time() - t
    try:
        torch.set_num_threads(1); drive_fast(a, f, code); products(a)
        ratio = statistics.median(cpu(lambda: drive_fast(a, f, code))/cpu(lambda: products(a)) for _ in range(15))
    finally: torch.set_num_threads(before)
    assert ratio < 1.4, ratio


@pytest.mark.slow
def test_full_size_once():
    "The preset `paper`, untrained: encode, animate, render."
    from instant4d import Camera, new_model
    model = new_model('paper'); assert sum(p.numel() for p in model.parameters()) > 126e6
    avatar = model.encode(torch.rand(3, 512, 512)); code = model.motion(torch.rand(3, 512, 512)); frame = avatar.render(code, Camera.look(20))
    assert len(avatar.points) == N and frame.image.shape == (512, 512, 3) and frame.image.isfinite().all() and frame.alpha.max() > .1
