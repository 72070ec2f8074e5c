"One Gaussian for each pixel: through the whole package, and the bundled weights that were trained so."
import pytest, torch
from instant4d import Avatar, Camera, load_model
from instant4d.config import load_preset
from instant4d.data.people import Heads
from instant4d.data.shards import sample_shard
from instant4d.evaluation.budget import budget
from instant4d.explore.driving import load_driver, own_checksum
from instant4d.images import psnr
from instant4d.splatting.gaussians import Gaussians
from instant4d.training.loop import Trainer, train


@pytest.fixture(scope='module')
def people(): return Heads(sample_shard())

@pytest.fixture(scope='module')
def model(): return load_model('pixels')

@pytest.fixture(scope='module')
def avatar(model, people): return model.encode(people.on_grey(0, 0))


def test_the_bundled_model_rebuilds_and_drives(model, avatar, people):
    k = next(k for k in range(people.count(0)) if people.shot(0, k)[0] == 2)
    code = model.motion(people.on_grey(0, k), crop=False); true = people.rgba(0, k)[:3]
    view = lambda c: avatar.render(c, people.camera(0, k), 128).image.permute(2, 0, 1)
    still, driven = psnr(view(None), true), psnr(view(code), true)
    assert driven > 22 and driven > still + .3


def test_fast_and_plain_driving_agree(avatar):
    torch.manual_seed(0); code = torch.randn(512)
    fast, plain = avatar.gaussians(code), avatar.deform(code)
    for k, v in vars(plain).items(): assert (getattr(fast, k) - v).abs().max() < 2e-5, k


def test_files(avatar, tmp_path):
    avatar.save(tmp_path/'a.safetensors', half=False)
    again, code = Avatar.load(tmp_path/'a.safetensors'), torch.randn(512)
    assert torch.equal(again.render(code).image, avatar.render(code).image)
    avatar.gaussians().save_ply(tmp_path/'a.ply')
    assert Gaussians.load_ply(tmp_path/'a.ply').n == 128*128


def test_bake_and_bases(avatar):
    small = avatar.bake(.5)
    assert len(small.points) == 128*128//2 and small.report['psnr'] > 50
    assert avatar.bases().image.shape == (128, 128, 48)


def test_refine_brings_it_nearer(avatar, people):
    photo = people.rgba(0, 0); alpha, camera = photo[3], people.camera(0, 0)
    fitted = avatar.refine(photo[:3], camera, alpha, steps=15)
    like = lambda a: psnr(a.render(None, camera, 128).image.permute(2, 0, 1), photo[:3])
    assert like(fitted) > like(avatar) + 1


def test_there_are_no_finer_pixels(model, people):
    x = people.on_grey(0, 0); code = model.motion(x, crop=False)
    assert torch.equal(model.one_pass(x, code, 48).render().image, model.one_pass(x, code).render().image)


def test_trains_and_begins_with_rays(people, tmp_path):
    cfg = load_preset('smoke', model_instances='pixels', model_mixes=2, model_depth=2, train_steps=3, train_render=32)
    rays = Trainer(load_preset('smoke')).model; rays.save(tmp_path/'rays.safetensors')
    heads = Heads(sample_shard().with_name('heads-train.tar'))
    out = train(cfg, heads, tmp_path/'run', start=tmp_path/'rays.safetensors')
    assert out.encoder(torch.rand(1, 3, 64, 64)).shape == (1, 1, 96, 64, 64)


def test_weights_that_fit_nowhere(tmp_path):
    with pytest.raises(ValueError, match='begin without --start'):
        Trainer(load_preset('smoke')).take({'phi.fc1.bias': torch.zeros(96)})


def test_the_targets_of_a_source_share_what_was_read():
    same = dict(train_targets=4)
    a, b = (budget(load_preset('smoke', model_instances=k, **same, **({} if k == 'pixels' else dict(model_samples=16)))) for k in ('pixels', 'rays'))
    assert a.cfg.model.gaussians == b.cfg.model.gaussians and a.parts['decode'].bytes < .9*b.parts['decode'].bytes


def test_both_bundled_models_share_m(model):
    assert own_checksum(model) == own_checksum(load_model('laptop')) == load_driver(model).motion
