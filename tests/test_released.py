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
