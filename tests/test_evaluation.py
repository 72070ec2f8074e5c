"""A user's networks, shards that lack something, and what an evaluation writes."""
import csv, json, sys, types
import pytest, torch

SMIRK = '''
import torch
from torch import nn
def create_backbone(name, pretrained=True):
    assert not pretrained, 'nothing is downloaded'
    return nn.Conv2d(3, 4, 8, 8), 4
class SmirkEncoder(nn.Module):
    def __init__(self): super().__init__(); self.body, n = create_backbone('x'); self.out = nn.Linear(n, 58)
    def forward(self, x):
        assert x.shape[-2:] == (224, 224) and 0 <= x.min() and x.max() <= 1
        y = self.out(self.body(x).mean((2, 3)))
        return dict(expression_params=y[:, :50], eyelid_params=y[:, 50:52], jaw_params=y[:, 52:55], pose_params=y[:, 55:])
'''


class Embed(torch.nn.Module):
    def __init__(self, n=512): super().__init__(); self.f = torch.nn.Linear(3, n)
    def forward(self, x): return self.f(x.mean((2, 3)))


class Mirror(torch.nn.Module):
    "Stands in for MEt3R: one number for each pair."
    def __init__(self, **options): super().__init__(); assert options['backbone'] == 'mast3r'
    def forward(self, images):
        assert images.shape[1:] == (2, 3, 64, 64) and -1 <= images.min() and images.max() <= 1
        return (images[:, 0] - images[:, 1]).abs().mean((1, 2, 3)), None


@pytest.fixture(scope='module')
def heads(): from instant4d.data.people import Heads; from instant4d.data.shards import sample_shard; return Heads(sample_shard())


@pytest.fixture(scope='module')
def smirk(tmp_path_factory):
    "A clone of SMIRK, as its own files are laid out."
    folder = tmp_path_factory.mktemp('smirk'); (folder/'src').mkdir(); (folder/'pretrained_models').mkdir()
    (folder/'src'/'smirk_encoder.py').write_text(SMIRK); scope = {}
    exec(SMIRK.replace('not pretrained', 'True'), scope); net = scope['SmirkEncoder']()
    state = {f'smirk_encoder.{k}':v for k, v in net.state_dict().items()} | {'smirk_generator.x':torch.zeros(1)}
    torch.save(state, folder/'pretrained_models'/'SMIRK_em1.pt'); return folder


def test_smirk(smirk):
    from instant4d.evaluation.adapters import load_smirk
    expression, pose = load_smirk(smirk)(torch.rand(2, 3, 128, 128))
    assert expression.shape == (2, 55) and pose.shape == (2, 3)


def test_smirk_that_is_not_whole(smirk, tmp_path):
    from instant4d.evaluation.adapters import load_smirk
    torch.save({'smirk_encoder.out.bias':torch.zeros(2)}, tmp_path/'bad.pt')
    with pytest.raises(ValueError, match='does not fit'): load_smirk(smirk, tmp_path/'bad.pt')
    with pytest.raises(FileNotFoundError, match='quick_install'): load_smirk(smirk, tmp_path/'none.pt')
    (tmp_path/'src').mkdir(); (tmp_path/'src'/'smirk_encoder.py').write_text('import a_backbone_library')
    with pytest.raises(ValueError, match='needs a_backbone_library'): load_smirk(tmp_path)


def test_arcface(tmp_path, monkeypatch):
    from instant4d.evaluation.adapters import load_arcface
    torch.jit.script(Embed()).save(str(tmp_path/'r50.pt')); code = load_arcface(tmp_path/'r50.pt')(torch.rand(2, 3, 128, 128))
    assert code.shape == (2, 512) and torch.allclose(code.norm(dim=1), torch.ones(2))
    torch.jit.script(Embed(8)).save(str(tmp_path/'short.pt'))
    with pytest.raises(ValueError, match='must return'): load_arcface(tmp_path/'short.pt')(torch.rand(1, 3, 128, 128))
    (tmp_path/'r50.onnx').write_bytes(b'x'); monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ValueError, match='needs onnxruntime'): load_arcface(tmp_path/'r50.onnx')
    class Session:
        def __init__(self, path, providers): pass
        def get_inputs(self): return [types.SimpleNamespace(name='input.1')]
        def run(self, names, feed): return [feed['input.1'].reshape(len(feed['input.1']), -1)[:, :512]]
    monkeypatch.setitem(sys.modules, 'onnxruntime', types.SimpleNamespace(InferenceSession=Session))
    assert load_arcface(tmp_path/'r50.onnx')(torch.rand(2, 3, 128, 128)).shape == (2, 512)


def test_met3r(monkeypatch):
    from instant4d.evaluation.adapters import load_met3r
    monkeypatch.setitem(sys.modules, 'met3r', None)
    with pytest.raises(ValueError, match='MEt3R needs its package'): load_met3r()
    monkeypatch.setitem(sys.modules, 'met3r', types.SimpleNamespace(MEt3R=Mirror)); ask = load_met3r(64, 'cpu')
    x = torch.rand(3, 128, 128); assert ask(x, x) == 0 < ask(x, 1 - x)


@pytest.mark.filterwarnings('ignore')
def test_a_run_with_everything(smirk, heads, tmp_path):
    "A user's networks get their columns; what is written is whole, plain JSON, and says what made it."
    from instant4d.evaluation.report import evaluate
    from instant4d.evaluation.adapters import load_smirk
    said, embed = [], lambda x: torch.nn.functional.normalize(x.mean((2, 3)), dim=1)
    r = evaluate(heads=heads, people=[5, 9], out=tmp_path/'new', clip='none', perceptual='random', command='a test',
                 read=torch.ones(53) > 0, smirk=load_smirk(smirk), arcface=embed, say=said.append)
    text = said[0]; assert 'AED (SMIRK)' in text and 'ID (ArcFace)' in text and 'random trunk' in text and '  LPIPS  ' not in text
    assert {p.name for p in (tmp_path/'new').iterdir()} == {f'evaluation.{e}' for e in ('json', 'csv', 'jpg')}
    def no(x): raise AssertionError(x)
    j = json.loads((tmp_path/'new'/'evaluation.json').read_text(), parse_constant=no)
    assert j['about']['command'] == 'a test' and j['about']['people'] == 2 and 'EMO' in j['not_reproduced']
    rows = list(csv.DictReader((tmp_path/'new'/'evaluation.csv').open())); assert len(rows) == 2*2*3*8
    floor = [x for x in rows if x['row'] == 'teacher']
    assert all(float(x['smirk_aed']) < 1e-5 and float(x['lpips']) < 1e-4 and float(x['parts']) == 0 for x in floor)
    assert [x['identity'] for x in r['records'][::24]] == [900005]*2 + [900009]*2


def test_twice_is_the_same(heads):
    from instant4d.evaluation.report import evaluate
    one, two = (evaluate(heads=heads, people=1, clip='none', read=torch.ones(53) > 0, say=lambda t: None) for _ in '12')
    assert one['table'] == two['table'] and one['about']['checkpoint'] == two['about']['checkpoint']


def test_shards_without_coefficients(heads, monkeypatch):
    "Pictures alone: no expression columns, no error."
    from instant4d.evaluation.report import evaluate
    for p in heads.people:
        for f in p['frames']: monkeypatch.setitem(f, 'expression', None)
    monkeypatch.setattr(heads, 'names', []); said = []
    r = evaluate(heads=heads, people=2, clip='none', say=said.append)
    assert 'aed' not in r['table']['all']['driven'] and 'id' in r['table']['all']['driven'] and 'AED' not in said[0]


def test_nobody_moves(heads, monkeypatch):
    from instant4d.evaluation.report import evaluate
    for p in heads.people: monkeypatch.setitem(p, 'frames', p['frames'][:3])
    with pytest.raises(ValueError, match='two expressions'): evaluate(heads=heads, people=2, clip='none', say=print)


def test_pairs_do_not_depend_on_whom_we_measure(heads):
    "A person has the same drivers alone as in company."
    from instant4d.evaluation.metrics import all_cases
    every = all_cases(heads); assert all_cases(heads, [7, 3]) == [c for i in (7, 3) for c in every if c.person == i]
    assert len(every) == 128 and len({c.cross for c in every}) > 60
