"""What a wheel must hold, and what other libraries must be able to read."""
import subprocess, sys, zipfile
import pytest, torch


def test_data_is_plain_webdataset(root):
    "The shards are what the webdataset library reads."
    wds = pytest.importorskip('webdataset')
    sample = next(iter(wds.WebDataset(str(root/'data_samples'/'heads-test.tar'), shardshuffle=False)))
    assert sample['__key__'] == '900000' and 'json' in sample


def test_seeds_of_the_splits(root):
    "Nothing of the published test split is in the bundled training shard."
    from instant4d.data.people import Heads
    train, test = (Heads(root/'data_samples'/f'heads-{k}.tar').people for k in ('train', 'test'))
    assert all(p['identity'] < 800_000 for p in train) and all(p['identity'] >= 900_000 for p in test)
    assert len(train) == 24 and len(test) == 64


def test_public_names():
    import instant4d
    for name in instant4d.__all__: assert getattr(instant4d, name) is not None
    with pytest.raises(AttributeError, match='splatt'): instant4d.splatt


@pytest.mark.slow
def test_wheel_works_alone(root, tmp_path):
    "A wheel holds the weights, and encodes a picture far away from the repository."
    run = lambda *a, **kw: subprocess.run([sys.executable, *map(str, a)], check=True, capture_output=True, text=True, **kw)
    run('-m', 'pip', 'wheel', '--no-deps', '-w', tmp_path, root)
    wheel = next(tmp_path.glob('*.whl'))
    with zipfile.ZipFile(wheel) as z: z.extractall(tmp_path/'site')
    code = 'import torch, instant4d; print(instant4d.load_model().encode(torch.rand(3,128,128)).render().image.shape, instant4d.__file__)'
    said = run('-c', code, cwd=tmp_path, env={'PYTHONPATH':str(tmp_path/'site'), 'PATH':''}).stdout
    assert 'site' in said and '128' in said
