"""Rivals: what a user of `ablate` may type wrong, and runs that are broken off."""
import json
import pytest
import torch
from instant4d.evaluation.rivals import (
    RIVALS, ablate, still_parts, train_rival)
from instant4d.model.model import load_late, load_model, new_model, trunk_sum
from instant4d.data.people import Heads
from instant4d.data.shards import sample_shard

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


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tmp_path):
    "Four steps at once are four steps in two calls, and the curve has them all."
    start, heads = still_parts(new_model('ablation')), Heads(TRAIN)
    whole, _ = train_rival('spatial', 0, heads, tmp_path/'a', start, 4, **TINY)
    from instant4d.training import loop
    real, told = loop.until_told, []
    class Twice:                            # the first call is told to stop after two steps
        def __enter__(self): return lambda: told.append(1) or len(told) == 2
        def __exit__(self, *_): pass
    loop.until_told = lambda minutes=None: Twice() if len(told) < 2 else real(minutes)
    try: train_rival('spatial', 0, heads, tmp_path/'b', start, 4, **TINY)
    finally: loop.until_told = real
    assert torch.load(tmp_path/'b'/'spatial-0'/'last.pt', weights_only=True)['step'] == 2
    again, curve = train_rival('spatial', 0, heads, tmp_path/'b', start, 4, **TINY)
    for (k, a), b in zip(whole.state_dict().items(), again.state_dict().values()): assert torch.equal(a, b), k
    assert [row[1] for row in curve] == [1, 2, 3, 4] and curve == sorted(curve)
    assert json.loads((tmp_path/'b'/'spatial-0'/'curve.json').read_text()) == curve


def test_a_run_that_was_told_to_stop_is_not_counted(tmp_path, monkeypatch):
    "Half a training has no score, and nothing else begins."
    from instant4d.evaluation import rivals as ablations
    said, began = [], []
    def half(name, *a, **kw): began.append(name); return None, [[.1, 1, .5]]
    monkeypatch.setattr(ablations, 'train_rival', half); monkeypatch.setattr(ablations, 'rival_sheet', lambda *a, **k: type('P', (), dict(save=lambda *a: None)))
    r = ablate(TRAIN, out=tmp_path, steps=2, start_steps=1, preset='smoke', names=['spatial', 'feature'], seeds=[0], people=1, say=said.append, **TINY)
    assert r['runs'] == [] and began == ['spatial'] and 'stopped at step 1' in said[0]


@pytest.mark.parametrize('name', RIVALS)
def test_rivals_begin_as_the_same_still_head(name):
    from instant4d.config import load_preset
    r, start = RIVALS[name], still_parts(new_model('ablation'))
    model = r.make(load_preset('ablation', **r.settings)); missing = model.load_state_dict(start, strict=False)
    assert not missing.unexpected_keys and all(k.startswith(('psi.', 'motion_encoder.')) for k in missing.missing_keys)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in start.items())


@pytest.mark.parametrize('name', ['feature', 'spatial'])
def test_bundled_late_rivals(name):
    "E's trunk and M are the bundled ones; what follows learned on."
    old, new = load_model('laptop'), load_late(name); assert new.cfg.model.deform == name and trunk_sum(new) == trunk_sum(old)
    for k, v in old.motion_encoder.state_dict().items(): assert torch.equal(v, new.motion_encoder.state_dict()[k])
    assert not torch.equal(old.psi.fc1.weight, new.psi.fc1.weight)


@pytest.mark.slow
def test_late_rivals_are_trained_by_a_command(tmp_path):
    "At toy size: both are written, belong to the bundled weights, are not trained twice, and another length is refused."
    from instant4d.cli import main
    args = ['ablate', str(TRAIN), '--late', '--steps', '2', '--people', '1', '--out', str(tmp_path), '--set', *(f'{k.replace("_", ".", 1)}={v}' for k, v in TINY.items())]
    assert main(args) == 0; paths = [tmp_path/f'late-{n}.safetensors' for n in ('feature', 'spatial')]; before = [p.stat().st_mtime_ns for p in paths]
    for p in paths: assert trunk_sum(load_late(path=p)) == trunk_sum(load_model('laptop')) and p.stat().st_size < 300_000
    assert main(args) == 0 and [p.stat().st_mtime_ns for p in paths] == before
    assert main([*args[:4], '3', *args[5:]]) == 2 and main([*args, '--seeds', '1']) == 2
