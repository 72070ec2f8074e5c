"""Rivals: what a user of `ablate` may type wrong, and runs that are broken off. And the trial of places."""
import importlib.util, json, subprocess, sys
from pathlib import Path
import pytest
import torch
from instant4d.ablations import RIVALS, ablate, load_late, still_parts, train_rival, trunk_sum
from instant4d.avatar import load_model
from instant4d.data import Heads, sample_shard
from instant4d.losses import Losses

TINY = dict(train_batch=1, train_targets=2, train_warmup=1)
TRAIN = sample_shard().with_name('heads-train.tar')
ROOT = Path(__file__).resolve().parents[1]


def portrait():
    x = Heads(sample_shard()).rgba(3,0)
    return x[:3] + .5*(1 - x[3:])


WRONG = {
    'name':(dict(names=['spatail']), ["'spatail'", "'spatial'"]),
    'steps':(dict(steps=0), ['steps']),
    'people':(dict(people=0), ['people = 0']),
    'setting':(dict(train_lr='fast'), ['lr', "'fast'"]),
    'sizes':(dict(start_steps=0), ['start_steps', 'laptop']),
    'test split':(dict(heads=sample_shard()), ['test split']),
    'no shard':(dict(held='nowhere.tar'), ['nowhere.tar']),
}

@pytest.mark.parametrize('case', WRONG)
def test_one_line_before_anything_runs(case, tmp_path):
    change, words = WRONG[case]
    with pytest.raises((ValueError, FileNotFoundError)) as e:
        ablate(**dict(heads=TRAIN, out=tmp_path, steps=1, start_steps=1, people=1, **TINY) | change)
    assert '\n' not in str(e.value) and all(w in str(e.value) for w in words)
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_stopped_goes_on(tmp_path):
    "Four steps at once are four steps in two calls, and the curve has them all."
    start, heads = still_parts(load_model(preset='ablation')), Heads(TRAIN)
    whole, _ = train_rival('spatial', 0, heads, tmp_path/'a', start, 4, **TINY)
    from instant4d import training
    real, told = training.until_told, []
    class Twice:                            # the first call is told to stop after two steps
        def __enter__(self): return lambda: told.append(1) or len(told) == 2
        def __exit__(self, *_): pass
    training.until_told = lambda minutes=None: Twice() if len(told) < 2 else real(minutes)
    try: train_rival('spatial', 0, heads, tmp_path/'b', start, 4, **TINY)
    finally: training.until_told = real
    assert torch.load(tmp_path/'b'/'spatial-0'/'last.pt', weights_only=True)['step'] == 2
    again, curve = train_rival('spatial', 0, heads, tmp_path/'b', start, 4, **TINY)
    for (k, a), b in zip(whole.state_dict().items(), again.state_dict().values()): assert torch.equal(a, b), k
    assert [row[1] for row in curve] == [1, 2, 3, 4] and curve == sorted(curve)
    assert json.loads((tmp_path/'b'/'spatial-0'/'curve.json').read_text()) == curve


def test_a_run_that_was_told_to_stop_is_not_counted(tmp_path, monkeypatch):
    "Half a training has no score, and nothing else begins."
    from instant4d import ablations
    said, began = [], []
    def half(name, *a, **kw): began.append(name); return None, [[.1, 1, .5]]
    monkeypatch.setattr(ablations, 'train_rival', half); monkeypatch.setattr(ablations, 'rival_sheet', lambda *a: type('P', (), dict(save=lambda *a: None)))
    r = ablate(TRAIN, out=tmp_path, steps=2, start_steps=1, preset='smoke', names=['spatial', 'feature'], seeds=[0], people=1, say=said.append, **TINY)
    assert r['runs'] == [] and began == ['spatial'] and 'stopped at step 1' in said[0]


@pytest.mark.parametrize('name', RIVALS)
def test_rivals_begin_as_the_same_still_head(name):
    from instant4d.config import load_preset
    r, start = RIVALS[name], still_parts(load_model(preset='ablation'))
    model = r.make(load_preset('ablation', **r.settings)); missing = model.load_state_dict(start, strict=False)
    assert not missing.unexpected_keys and all(k.startswith(('psi.', 'motion_encoder.')) for k in missing.missing_keys)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in start.items())


@pytest.fixture(scope='module')
def trial():
    "tools/place.py as a module."
    spec = importlib.util.spec_from_file_location('place', ROOT/'tools'/'place.py')
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); return module


@pytest.fixture(scope='module')
def placed(trial):
    "The bundled weights, with places that say something to m."
    model = trial.told(load_model()); torch.manual_seed(0); model.encoder.out.place[48:96] = .2*torch.randn(48, 2, 1, 1)
    return model


def test_places_change_the_bases_only(placed):
    "They change m and nothing else that E says: the still head is the bundled one."
    face, old = portrait(), load_model(); a, b = (m.encode(face, crop=False) for m in (old, placed))
    assert placed.cfg.model.place == 1 and old.cfg.model.place == 0
    for x, y in zip(vars(a.gaussians()).values(), vars(b.gaussians()).values()): assert (x - y).abs().max() < 1e-3
    assert (a.basis - b.basis).abs().max() > 1


def test_a_model_with_places_is_saved_whole(placed, tmp_path):
    placed.save(tmp_path/'m.safetensors'); back = load_model(tmp_path/'m.safetensors')
    assert back.cfg == placed.cfg and torch.allclose(back.encoder.out.place, placed.encoder.out.place, rtol=1e-3, atol=1e-4)


def test_bundled_practice():
    "E's trunk and M are the bundled ones; what follows learned on."
    old, new = load_model(), load_late('practice'); assert new.cfg.model == old.cfg.model and trunk_sum(new) == trunk_sum(old)
    for k, v in old.motion_encoder.state_dict().items(): assert torch.equal(v, new.motion_encoder.state_dict()[k])
    assert not torch.equal(old.psi.fc1.weight, new.psi.fc1.weight)


def test_what_is_remembered_is_what_E_says(trial, placed):
    "Adding places to remembered bases gives the bases of a model with these places, up to 16-bit rounding."
    heads, base, model = Heads(sample_shard()), load_model(), placed
    (_, m, at, x), (_, want, _, there) = (trial.remember(m, heads, 3, 0) for m in (base, model))
    got = m.float() + trial.PLACE*at @ model.encoder.out.place[48:96,:,0,0].T
    assert torch.equal(x, there) and (got - want.float()).abs().max() < .01*want.float().abs().max()
    assert (got - m.float()).abs().max() > .05*want.float().abs().max()


def test_trial_counts_every_residual(trial):
    "One target for each portrait: none is passed over by the norm of eq. 3."
    heads, model = Heads(str(TRAIN)), load_model(); memory = trial.Memory(model, heads); rows = [memory.draw('psi') for _ in range(2)]
    losses = Losses(dict(norm=1.), 'none'); loss, terms = trial.loss_of(model, memory, rows, losses, 'no-skin')
    assert terms['norm'] > .05 and torch.isclose(loss, terms['norm'])


def test_trial_of_places(trial, tmp_path, monkeypatch):
    "At toy size: bundled, Psi alone, Psi and places, each measured; only the last learns places."
    monkeypatch.setitem(trial.ORDINARY, 'train_precision', 'fp32')      # a process keeps to one
    trial.main(trial.arguments([str(TRAIN), '--steps', '2', '--on', '2', '--people', '1', '--out', str(tmp_path),
                                '--names', 'psi', 'place', 'practice']))
    r = json.loads((tmp_path/'place.json').read_text())
    assert [x['name'] for x in r['runs']] == ['bundled', 'psi', 'place', 'practice'] and r['about']['mouths'] == 7
    assert all(len(x['sided']['mouthSmile_L']) == 12 and len(x['scores']['driven']['parts']) == 1 for x in r['runs'])
    psi, place = (load_late(path=tmp_path/f'late-{n}.safetensors') for n in ('psi','place'))
    assert not psi.encoder.out.place.any() and place.encoder.out.place[48:96].any() and not place.encoder.out.place[96:].any()
    assert not torch.equal(psi.psi.fc1.weight, load_model().psi.fc1.weight)
    on = load_late(path=tmp_path/'late-practice.safetensors'); assert on.cfg.train.mouths and not torch.equal(on.phi.fc1.weight, psi.phi.fc1.weight)


@pytest.mark.parametrize('args, words', [([sample_shard()], 'identity 900000'), (['nowhere.tar'], 'nowhere.tar'), ([TRAIN, '--steps', '0'], '--steps'),
                                         ([TRAIN, '--names', 'practice', '--out', 'nowhere'], 'add psi')])
def test_trial_refuses(args, words):
    r = subprocess.run([sys.executable, ROOT/'tools'/'place.py', *args], capture_output=True, text=True)
    assert r.returncode and words in r.stderr.splitlines()[-1] and 'Traceback' not in r.stderr
