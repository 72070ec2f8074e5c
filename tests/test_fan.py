"""X-NeMo's motion encoder: its released names, and its bricks against the library that the original was built on."""
import ast
import pytest, torch


def test_every_released_name_and_shape(root):
    "Strictly: nothing missing, nothing more, every shape as released."
    from instant4d.model.fan import XNemoEncoder
    lines = (root/'tests'/'data'/'xnemo_keys.txt').read_text().splitlines()
    released = {k: ast.literal_eval(v) for k, v in (l.split('\t') for l in lines)}
    with torch.device('meta'): net = XNemoEncoder()
    assert {k: tuple(v.shape) for k, v in net.state_dict().items()} == released and len(released) == 407
    assert sum(p.numel() for p in net.parameters()) == 61_665_393


def test_top_level_name():
    import instant4d
    from instant4d.model.fan import load_xnemo
    assert instant4d.load_xnemo is load_xnemo


def test_places_and_bricks_as_in_diffusers():
    "The order of the position grid, of the gate and of the heads; skipped where diffusers is not installed."
    pytest.importorskip('diffusers')
    from diffusers.models.attention import FeedForward
    from diffusers.models.attention_processor import Attention, AttnProcessor
    from diffusers.models.embeddings import PatchEmbed
    from instant4d.model.fan import PatchEmbed, FanAttention, Think
    torch.manual_seed(0)
    x, y = torch.randn(2, 30, 64), torch.randn(2, 32, 12, 12)
    pairs = [(Attention(64, heads=4, dim_head=16, processor=AttnProcessor()), FanAttention(64, 4), x),
             (FeedForward(64, activation_fn='geglu'), Think(64), x),
             (PatchEmbed(12, 12, 2, 32, 64), PatchEmbed(32, 64, 2, 6), y)]
    for theirs, ours, given in pairs:
        ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k != 'pos_embed'})
        assert torch.allclose(theirs.eval()(given), ours.eval()(given), atol=1e-5)
