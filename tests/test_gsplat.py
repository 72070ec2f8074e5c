"""Our oracle against gsplat's own reference, which is written in torch and runs on a CPU: values and gradients, in float64.

gsplat's kernels need CUDA; `instant4d bench gpu` compares with them. Skipped where gsplat is not installed.
"""
import importlib.util
from pathlib import Path
import pytest, torch
from instant4d.splatting.cameras import Camera
from instant4d.splatting.gaussians import Gaussians
from instant4d.splatting.kernels import random_scene
from instant4d.splatting.oracle import splat_oracle

found = importlib.util.find_spec('gsplat')
pytestmark = pytest.mark.skipif(found is None, reason='needs gsplat; run: pip install --no-deps gsplat')
SIZE = 40


@pytest.fixture(scope='module')
def reference():
    "The module of gsplat, without the rest, which would look for CUDA."
    spec = importlib.util.spec_from_file_location('gsplat_reference', Path(found.submodule_search_locations[0])/'cuda'/'_torch_impl.py')
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    return module


def reference_frame(R, g, camera, antialiased, eps2d=.3):
    "As gsplat's `rasterization` combines its parts; all pairs of Gaussians and pixels, blended by the rule of its kernels."
    covars, _ = R._quat_scale_to_covar_preci(g.quats, g.scales, True, False)
    K = camera.pixels(SIZE)
    _, means, depths, conics, more = R._fully_fused_projection(g.means, covars, camera.world2cam[None], K[None], SIZE, SIZE, eps2d, .01,
                                                               calc_compensations=True)
    opacity = g.opacities*(more[0] if antialiased else 1)
    y, x = torch.meshgrid(*[torch.arange(SIZE, dtype=g.dtype) + .5]*2, indexing='ij')
    order = depths[0].argsort()
    dx, dy = x[..., None] - means[0, order, 0], y[..., None] - means[0, order, 1]
    a, b, c = conics[0, order].unbind(-1)
    alpha = (opacity[order]*torch.exp(-(a*dx*dx + c*dy*dy)/2 - b*dx*dy)).clamp(max=.999)
    alpha = torch.where(alpha >= 1/255, alpha, 0)
    left = torch.cumprod(1 - alpha, -1); before = torch.cat([torch.ones_like(left[..., :1]), left[..., :-1]], -1)
    weight = torch.where(left > 1e-4, alpha*before, 0)
    return torch.einsum('hwn,nc->hwc', weight, g.colors[order]), weight.sum(-1)


@pytest.mark.parametrize('antialiased', [False, True])
def test_oracle_is_gsplats_reference(reference, antialiased):
    g, camera = random_scene(300, 5, pixels=2.), Camera.look(20., 10., dtype=torch.float64)
    def both(draw):
        leaves = {k: v.detach().double().clone().requires_grad_() for k, v in vars(g).items()}
        image, alpha = draw(Gaussians(**leaves))
        weight = torch.rand(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        (image*weight).sum().add(alpha.sum()).backward()
        return image, alpha, {k: v.grad for k, v in leaves.items()}
    def ours(s): f = splat_oracle(s, camera, SIZE, antialiased=antialiased); return f.image, f.alpha
    image, alpha, grads = both(ours)
    true, cover, wanted = both(lambda s: reference_frame(reference, s, camera, antialiased))
    assert (image - true).abs().max() < 1e-9 and (alpha - cover).abs().max() < 1e-9
    for k in wanted: assert (grads[k] - wanted[k]).norm()/wanted[k].norm() < 1e-9, k
