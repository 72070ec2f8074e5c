"""Rivals: what a user of `ablate` may type wrong, and runs that are broken off. And the trial of places."""
import json, subprocess, sys
from pathlib import Path
import pytest
import torch
from instant4d.ablations import RIVALS, ablate, load_late, still_parts, train_rival
from instant4d.avatar import load_model
from instant4d.data import Heads, sample_shard

TINY = dict(train_batch=1, train_targets=2, train_warmup=1)
TRAIN = sample_shard().with_name('heads-train.tar')

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


def test_places_leave_the_still_head_alone():
    "Weights of places for m alone: the planes' features, and with them the still head, are the bundled ones."
    h = Heads(sample_shard()); face = h.rgba(3,0)[:3] + .5*(1 - h.rgba(3,0)[3:])
    old, new = load_model(), load_late('place'); a, b = old.encode(face, crop=False), new.encode(face, crop=False)
    assert new.cfg.model.place == 1 and old.cfg.model.place == 0 and new.encoder.out.place.abs().max() > 0
    for x, y in zip(vars(a.gaussians()).values(), vars(b.gaussians()).values()): assert (x - y).abs().max() < 1e-3
    assert (a.basis - b.basis).abs().max() > 1
    assert (b.render(old.motion(face.flip(-1), crop=False)).image - b.render().image).abs().max() > .01


def test_a_model_with_places_is_saved_whole(tmp_path):
    m = load_late('place'); m.save(tmp_path/'m.safetensors'); back = load_model(tmp_path/'m.safetensors')
    assert back.cfg == m.cfg and torch.allclose(back.encoder.out.place, m.encoder.out.place, rtol=1e-3, atol=1e-4)


def test_trial_of_places(tmp_path):
    "The tool at toy size: bundled, Psi alone, Psi and places, each measured; the weights fit the bundled trunk."
    root = Path(__file__).resolve().parents[1]
    run = [sys.executable, root/'tools'/'place.py', root/'data_samples'/'heads-one-sided.tar', '--steps', '2', '--people', '1', '--out', tmp_path]
    subprocess.run(run, check=True, capture_output=True)
    r = json.loads((tmp_path/'nbs'/'results'/'place.json').read_text())
    assert [x['name'] for x in r['runs']] == ['bundled', 'psi', 'place'] and r['about']['mouths'] == 6
    assert all(len(x['sided']['mouthSmile_L']) == 12 and len(x['scores']['driven']['parts']) == 1 for x in r['runs'])
    curves = {x['name']:[loss for *_, loss in x['curve']] for x in r['runs']}
    assert curves['psi'][0] == curves['place'][0]           # the same draws, the same start
    assert load_late(path=tmp_path/'instant4d'/'weights'/'late-place.safetensors').cfg.model.place == 1
