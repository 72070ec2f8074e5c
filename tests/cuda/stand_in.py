"""gsplat, played by the package's own CPU kernels on the device of device.py.

It asserts what gsplat 1.5.3 asserts of its arguments, so that a call which would fail there fails here. What is drawn is ours: of
gsplat's kernels it says nothing. A test compares our oracle with gsplat's own reference in torch: tests/test_gsplat.py.
"""

import torch
from device import Held, to_host, uncounted, wait


class Drawn(torch.autograd.Function):
    "Forward and backward of `splat_numba`, outside of what is counted."
    @staticmethod
    def forward(ctx, means, quats, scales, opacities, colors, viewmats, Ks, size, eps2d, antialiased):
        from instant4d.splatting.cameras import Camera
        from instant4d.splatting.gaussians import Gaussians
        from instant4d.splatting.kernels import splat_numba
        with uncounted(), torch.enable_grad():
            leaves = [to_host(t).detach().clone().requires_grad_() for t in (means, quats, scales, opacities, colors)]
            K = to_host(Ks)/torch.tensor([size[1], size[0], 1.])[:, None]
            frame = splat_numba(Gaussians(*leaves), Camera(torch.linalg.inv(to_host(viewmats)), K), size, eps2d=eps2d, antialiased=antialiased)
            image, alpha = torch.cat([frame.image, frame.depth[..., None]], -1), frame.alpha[..., None]
        ctx.leaves, ctx.results = leaves, (image, alpha)
        return Held(image.detach().clone()), Held(alpha.detach().clone())
    @staticmethod
    def backward(ctx, *gradients):
        with uncounted(): found = torch.autograd.grad(ctx.results, ctx.leaves, [to_host(g) for g in gradients], allow_unused=True)
        return *(g if g is None else Held(g) for g in found), *[None]*5


def rasterization(means, quats, scales, opacities, colors, viewmats, Ks, width, height, near_plane=.01, eps2d=.3, packed=True,
                  render_mode='RGB', rasterize_mode='classic', **other):
    "As gsplat's: scenes first, then the views of each; float32 on CUDA."
    assert not other, f'unknown to this stand-in: {sorted(other)}'
    *scenes, n, _ = means.shape
    views, channels = viewmats.shape[-3], colors.shape[-1]
    for name, t, shape in (('means', means, (n, 3)), ('quats', quats, (n, 4)), ('scales', scales, (n, 3)), ('opacities', opacities, (n,)),
                           ('colors', colors, (n, channels)), ('viewmats', viewmats, (views, 4, 4)), ('Ks', Ks, (views, 3, 3))):
        assert t.device.type == 'cuda', f'{name} must be a CUDA tensor'
        assert t.dtype == torch.float32, f'expected scalar type Float but found {t.dtype} ({name})'
        assert t.shape == (*scenes, *shape), f'{name} is {tuple(t.shape)}, not {(*scenes, *shape)}'
    assert render_mode == 'RGB+ED' and near_plane == .01 and rasterize_mode in ('classic', 'antialiased')
    assert not packed, 'packed rows do not take batches of scenes'
    wait('gsplat asks how many tiles are touched')          # one wait of its own, in every call
    image, alpha = Drawn.apply(means, quats, scales, opacities, colors, viewmats, Ks, (height, width), eps2d, rasterize_mode == 'antialiased')
    return image, alpha, {}
