"""The authors' checkpoints: every name and shape, and what the original program computed with made-up numbers (`released_state.py`)."""
import numpy as np, pytest, torch
from released_state import KEYS, checkpoint, faces, portrait
from instant4d.config import load_preset
from instant4d.model.decoding import GaussianDecoder
from instant4d.model.encoding import ReleasedEncoder
from instant4d.model.fan import XNemoEncoder
from instant4d.model.motion import MotionDecoder
from instant4d.model.released import fold_codes, fold_encoder, fold_phi, fold_psi, read_released


@pytest.fixture(scope='module')
def reference(): return {k: torch.from_numpy(v) if v.ndim else v.item() for k, v in np.load(KEYS.with_name('released.npz')).items()}

@pytest.fixture(scope='module')
def file(tmp_path_factory, reference):
    "A file that a user might have fetched, with the numbers of the reference."
    d = checkpoint(); total = lambda s: sum(t.double().abs().sum().item() for t in s.values())
    assert abs(total(d['E_state_dict']) - reference['check_E_abs_sum']) < .1 and abs(total(d['M_state_dict']) - reference['check_M_abs_sum']) < .1
    path = tmp_path_factory.mktemp('released')/'ckpt-legacy.pth'; torch.save(d, path)
    return path

@pytest.fixture(scope='module')
def parts(file): return read_released(file)


def near(a, b, most, mean):
    off = (a - b).abs(); assert off.max() < most and off.mean() < mean, (off.max().item(), off.mean().item())


def test_psi(parts, reference):
    "With the release's own codes; folded for plain ones, what M's tokens would have given."
    E, M = parts; psi = MotionDecoder(); psi.load_state_dict(fold_psi(E)); psi.requires_grad_(False)
    r = reference; near(psi(r['psi_m'], r['psi_u'], r['psi_v']), r['psi_out'], 5e-5, 5e-6)
    wrong = {'modulate.bias': torch.zeros(96)}; psi.load_state_dict(fold_psi(E) | wrong)
    assert (psi(r['psi_m'], r['psi_u'], r['psi_v']) - r['psi_out']).abs().max() > .1                      # 1 + s


def test_phi(parts, reference):
    r, w = reference, fold_phi(parts[0]); phi = GaussianDecoder()
    phi.load_state_dict(phi.state_dict() | w); raw = phi.requires_grad_(False).raw(r['phi_f'])
    near(raw[:,:3].tanh(), r['phi_delta'], 5e-5, 5e-6); near(.05*raw[:,3:6].sigmoid(), r['phi_scaling'], 5e-5, 5e-6)
    near(torch.nn.functional.normalize(raw[:,6:10] + torch.tensor([1.,0,0,0]), dim=-1), r['phi_rotation'], 5e-5, 5e-6)
    near(raw[:,10].sigmoid(), 1 - (-r['phi_sigma'][:,0]).exp(), 5e-5, 5e-6); near(raw[:,11:].sigmoid()*1.002 - .001, r['phi_rgb'], 5e-5, 5e-6)


def test_codes(parts, reference):
    "M's plain code, its tokens, and a Psi that reads either."
    E, M = parts; net = XNemoEncoder().eval().requires_grad_(False); net.load_state_dict(M)
    plain, tokens = reference['M_faces_plain512'], lambda c: net.tokens(c).flatten(1)
    near(tokens(plain), reference['M_faces'], 5e-5, 5e-6)
    a, b = MotionDecoder(), MotionDecoder(); a.load_state_dict(fold_psi(E)); b.load_state_dict(fold_codes(fold_psi(E), net.tokens))
    m = reference['psi_m']; near(a(m, *reference['M_faces']).detach(), b(m, *plain).detach(), 2e-4, 2e-5)


def test_motion_encoder(parts, reference):
    "The whole of M on two pictures, some seconds each."
    net = XNemoEncoder().eval(); net.load_state_dict(parts[1])
    with torch.no_grad(): near(net.model(faces()), reference['M_faces_plain512'], 5e-4, 5e-5)


def test_faces(models, reference):
    "What M sees of a frame with a box, inside and at the rim, and of one without; and what it says."
    from instant4d.model.released import released_face
    r, frames = reference, [(portrait(k=k)[0] + 1)/2 for k in (0, 1)]
    for k, frame in enumerate(frames): near(released_face(frame, r['M_boxes'][k])[:,::8,::8], r['M_frames_crop'][k], 1e-5, 1e-6)
    near(released_face(frames[0])[:,::8,::8], r['M_fallback_crop'], 1e-5, 1e-6)
    model = models['legacy']; codes = torch.stack([model.motion(f, box=b) for f, b in zip(frames, r['M_boxes'])])
    near(model.motion_encoder.tokens(codes).flatten(1), r['M_frames'], 5e-4, 5e-5)
    with pytest.raises(ValueError, match='left, top, right and bottom'): model.motion(frames[0], box=(9, 9, 9, 9))


def test_encoder(parts, reference):
    "At full size: every sixth channel of the planes on a grid, their means and spreads, a row and a corner. 563 GFLOP."
    x = portrait(); net = ReleasedEncoder(load_preset('paper').model).eval(); net.load_state_dict(fold_encoder(parts[0]))
    with torch.no_grad(): ours = net((x + 1)/2)
    xy, xz, zy = ours[0].unbind(0); p = torch.stack([xy.flip(-2), xz, zy.flip(-2)])*3            # as the release: rows up, the mean of three
    r = reference; near(p[:,::6,5::17,3::17], r['planes'], 2e-4, 3e-5); near(p.mean((2,3)), r['planes_mean'], 2e-4, 3e-5)
    near(p.std((2,3)), r['planes_std'], 2e-4, 3e-5); near(p[:,7,100], r['planes_row'], 2e-4, 3e-5); near(p[:,50,:4,-4:], r['planes_corner'], 2e-4, 3e-5)


def test_refused(file, tmp_path):
    "One line for a file that is not quite it."
    d = torch.load(file); E, M = d['E_state_dict'], d['M_state_dict']; k = 'backbone.feat_decoder.out_layer.bias'
    cases = {'no M': (dict(E_state_dict=E), 'M_state_dict expected'), 'shape': (dict(E_state_dict=E | {k: E[k][:5]}, M_state_dict=M), r'shape \(5,\)'),
             'nan': (dict(E_state_dict=E | {k: E[k]/0}, M_state_dict=M), 'NaN or infinity'), 'foreign': (dict(E_state_dict=E | {'who': E[k]}, M_state_dict=M), 'who unknown'),
             'less': (dict(E_state_dict={n: v for n, v in E.items() if n != k}, M_state_dict=M), 'missing'), 'xnemo': ({n.removeprefix('model.'): v for n, v in M.items()}, 'expected')}
    for name, (what, words) in cases.items():
        torch.save(what, tmp_path/f'{name}.pth')
        with pytest.raises(ValueError, match=words) as e: read_released(tmp_path/f'{name}.pth')
        assert '\n' not in str(e.value)


# --------------------------------------------------------------------------------------------------- the whole model

@pytest.fixture(scope='module')
def models(file):
    from instant4d.model.released import load_released
    legacy = load_released(file)
    with pytest.warns(UserWarning, match='read as new'): new = load_released(file, 'new')
    return dict(legacy=legacy, new=new)

@pytest.fixture(scope='module')
def planes(models):
    with torch.no_grad(): return models['legacy'].encoder((portrait() + 1)/2)

def as_released(camera, variant):
    from instant4d.model.released import released_label
    label = released_label(camera, variant)
    return type(camera)(label[:16].view(4,4), label[16:].view(3,3))


def test_cameras(reference):
    from instant4d.model.released import frontal, released_camera, released_label
    r = reference
    for v, k in (('legacy','cond_label'), ('new','pixels_cond_label')):
        near(released_label(frontal(v), v), r[k][0], 5e-5, 5e-6)
        there = r[k.replace('cond', 'target')][0]; near(released_label(released_camera(there, v), v), there, 5e-5, 5e-6)


def test_reading(planes, reference):
    "Points inside, at the faces and outside of the cube, where planes are zero."
    from instant4d.model.released import read_zeros
    both = read_zeros(planes, reference['read_points']); near(both[:,:48], reference['read_feature'], 2e-4, 3e-5); near(both[:,48:], reference['read_basis'], 2e-4, 3e-5)


@pytest.mark.parametrize('run', ['fixed', 'seeded'])
def test_points(models, planes, reference, run):
    "Depths, weights, places; features where the original put its points."
    from instant4d.model.released import THIN, frontal, read_zeros, released_points
    r, gen = reference, torch.Generator().manual_seed(20260116) if run == 'seeded' else None; phi = models['legacy'].phi
    p, depths, w = released_points(planes, phi, as_released(frontal('legacy'), 'legacy'), gen)
    near(depths[r['rays']], r[f'{run}_depths'], 5e-4, 1e-5); near(w[r['rays']], r[f'{run}_weights'], 5e-4, 1e-5); near(p[r['idx']], r[f'{run}_points'], 5e-4, 1e-5)
    both = read_zeros(planes, p); near(both[r['idx'],:48], r[f'{run}_feature'], 2e-2, 3e-4); near(both[r['idx'],48:], r[f'{run}_basis'], 2e-2, 3e-4)
    keep = phi(both[:,:48], p).opacities >= THIN; assert abs(keep.sum().item() - r[f'{run}_kept']) <= 50


def same_gaussians(g, r, name, unit):
    near(g.means/unit, r[f'{name}_means'], 2e-2, 3e-4); near(g.scales/unit, r[f'{name}_scales'], 2e-2, 3e-4); near(g.opacities, r[f'{name}_opacities'], 2e-2, 3e-4)
    near(g.colors, r[f'{name}_colors'], 2e-2, 3e-4); near(torch.nn.functional.normalize(g.quats, dim=-1), r[f'{name}_quats'], 2e-2, 3e-4)


@pytest.mark.parametrize('variant, run', [('legacy', 'fixed'), ('new', 'pixels')])
def test_avatar(models, reference, variant, run):
    "Features that the original decoded, still and driven; how many are kept; pictures of 512 pixels, in blocks of 8."
    from instant4d.model.released import released_camera, released_unit
    model, r, unit = models[variant], reference, released_unit(variant); prefix = 'pixels_' if variant == 'new' else ''
    codes = reference['M_faces_plain512']
    avatar = model.one_pass((portrait()[0] + 1)/2, codes[0])
    assert abs(len(avatar.points) - r[f'{run}_kept']) <= 50
    f, m = r[f'{run}_feature'], r[f'{run}_basis']
    same_gaussians(model.phi(f, f[:,:3]), r, f'{run}_still', unit)
    d = model.psi(m, *codes); near(d, r[f'{run}_residual'], 2e-3, 2e-4); same_gaussians(model.phi(f + d, f[:,:3]), r, f'{run}_driven', unit)
    for what, code, label in (('still', None, 'cond_label'), ('driven', codes[1], 'target_label')):
        x = avatar.render(code, released_camera(r[prefix + label][0], variant), 512).chw*2 - 1
        off = (torch.nn.functional.avg_pool2d(x[None], 8)[0] - r[f'{run}_{what}_image_64']).abs(); assert off.mean() < 3e-3, (what, off.mean().item())


def test_plays_like_any_other(models, tmp_path):
    "Bases, an avatar file, a PLY; both ways of drawing travel with the file."
    from instant4d import Avatar, Gaussians
    for variant, model in models.items():
        a = model.one_pass((portrait()[0] + 1)/2, torch.zeros(512)); a.save(tmp_path/'a.safetensors'); b = Avatar.load(tmp_path/'a.safetensors')
        code = torch.randn(512, generator=torch.Generator().manual_seed(0))
        x, y = a.render(code, size=128).image, b.render(code, size=128).image; assert (x - y).abs().mean() < 2e-3 and b.gaussians().antialiased == (variant == 'legacy')
        assert a.bases(size=64).image.shape == (64, 64, 48)
        a.gaussians(code).save_ply(tmp_path/'a.ply'); assert Gaussians.load_ply(tmp_path/'a.ply').n == len(a.points)


def test_a_photograph(models):
    "Framed and cut out by ours; fitting is refused in one line."
    data = pytest.importorskip('skimage.data'); from PIL import Image
    photo = Image.fromarray(data.astronaut()); a = models['legacy'].encode(photo)
    assert abs(a.framing.yaw) < 30 and len(a.points) > 10_000
    with pytest.raises(ValueError, match='leave out refine'): models['legacy'].encode(photo, refine=True)


def test_the_variant_is_never_guessed(file, tmp_path):
    from instant4d.model.released import load_released, variant_of
    assert variant_of('x/ckpt.pth') == 'new' and variant_of(file) == 'legacy' and variant_of('other.pth', 'new') == 'new'
    (tmp_path/'other.pth').write_bytes(b'?')
    with pytest.raises(ValueError, match="give variant='legacy' or 'new'"): load_released(tmp_path/'other.pth')
    with pytest.raises(ValueError, match="'old' is unknown"): load_released(file, 'old')
