"""Who judges, and whom the judge has seen."""
import ast, math
from pathlib import Path
import pytest, torch
from instant4d.model.model import load_model
from instant4d.data.people import Heads
from instant4d.data.shards import TEST_SEEDS, sample_shard
from instant4d.teacher.morphable import find_pack
from instant4d.model.motion import MotionEncoder
from instant4d.training.judges import (
    IdentityEmbedding, Judge, labels, load_judge, save_judge, undrawn)

ROOT = Path(__file__).resolve().parent.parent
LEARNED = [[24, 1272]]                                       # M and all that is trained with it, where a file does not say


@pytest.fixture(scope='module')
def judge(): return load_judge()


def seeds(ranges): return {n for a, b in ranges for n in range(a, b)}


def test_judge_and_pupils_have_seen_different_people(judge):
    seen, test = seeds(judge.about['seen']), {p['identity'] for p in Heads(sample_shard()).people}
    learned = seeds(load_model('laptop').about.get('trained', {}).get('seen', LEARNED))
    assert len(seen) > 100 and len(test) == 64
    assert not seen & learned, 'the judge has seen people on whom M was trained'
    assert not seen & test and max(seen) < TEST_SEEDS, 'the judge has seen the test split'
    assert not learned & test


def test_judge_is_small_and_of_another_family(judge):
    def kinds(net): return {type(m) for m in net.modules()}
    strides = [m.stride for m in judge.modules() if isinstance(m, torch.nn.Conv2d) and m.in_channels > 3]
    assert set(strides) == {(1, 1)} and torch.nn.BatchNorm2d not in kinds(judge)
    assert torch.nn.BatchNorm2d in kinds(MotionEncoder()) and torch.nn.BatchNorm2d in kinds(IdentityEmbedding())
    assert (ROOT/'instant4d'/'weights'/'judge.safetensors').stat().st_size < 3e6


def test_no_module_that_trains_uses_the_judge():
    "Metrics may use it, the model and its training may not: of notebook 51 they take the identity embedding, and how it sees a face."
    harmless = {'IdentityEmbedding', 'train_identity', 'face_input'}
    paths = [p for f in ('model', 'training') for p in (ROOT/'instant4d'/f).glob('*.py') if p.stem != 'judges']
    taken = {a.name for p in paths for n in ast.walk(ast.parse(p.read_text())) if isinstance(n, ast.ImportFrom) and (n.module or '').endswith('judges') for a in n.names}
    words = {n.id for p in paths for n in ast.walk(ast.parse(p.read_text())) if isinstance(n, ast.Name)}
    assert len(paths) > 15 and taken == harmless and not words & {'judges', 'Judge', 'load_judge', 'read_pictures'}


def test_labels_without_pictures_are_those_of_pictures():
    if find_pack() is None: pytest.skip('needs the head model')
    heads = Heads(sample_shard()); own = undrawn([heads.people[0]['identity']], 3, 3)
    true = labels(heads, [f for f in heads.frames() if f[0] == 0])
    torch.testing.assert_close(own.coef, true.coef, atol=1e-4, rtol=0)
    torch.testing.assert_close(own.pose, true.pose, atol=1e-2, rtol=0)
    torch.testing.assert_close(own.marks, true.marks, atol=1e-3, rtol=0)


def test_files_of_judges_are_checked(tmp_path, judge):
    path = tmp_path/'judge.safetensors'; save_judge(Judge(judge.names, 8), path, seen=[[1, 2]])
    with pytest.raises(ValueError, match='holds judge, not an instant4d model'): load_model(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match='whole|damaged'): load_judge(path)
    with pytest.raises(FileNotFoundError): load_judge(tmp_path/'none')


def test_any_size_of_picture(judge):
    "A face that is enlarged is the same face."
    heads = Heads(sample_shard()); x = torch.stack([heads.rgba(i, 1)[:3] for i in range(4)])
    with torch.no_grad(): a, b = judge(x), judge(torch.nn.functional.interpolate(x, size=256, mode='bilinear'))
    assert (a.pose - b.pose).abs().mean() < 1 and (a.coef - b.coef).abs().mean() < .03
    assert torch.allclose(a.code.norm(dim=1), torch.ones(4), atol=1e-4) and math.isfinite(b.marks.sum())


def test_m_reads_the_side_of_a_mouth():
    "Smiles on one side and mouths pulled there, of people nobody trained on."
    heads = Heads(sample_shard().with_name('heads-one-sided.tar')); M, n = load_model().motion_encoder, heads.names
    assert min(p['identity'] for p in heads.people) >= TEST_SEEDS
    frames = [f for f in heads.frames() if f[1]]
    said = M.head(M.raw(torch.stack([heads.on_grey(*f) for f in frames]))); true = torch.stack([heads.coef(*f) for f in frames])
    for left, right in (('mouthSmile_L', 'mouthSmile_R'), ('mouthLeft', 'mouthRight')):
        a, b = (c[:, n.index(left)] - c[:, n.index(right)] for c in (said, true)); clear = b.abs() > .5
        assert clear.sum() == 12 and (a[clear].sign() == b[clear].sign()).all()
