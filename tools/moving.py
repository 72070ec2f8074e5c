"""Draw nbs/images/moving.webp, the picture at the top of the README: python tools/moving.py

A photograph, the clip that drives it, the refined avatar while it turns, and what moves like the corner of its mouth.
"""
import math
from pathlib import Path
import torch
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from instant4d import Camera, load_model
from instant4d.explore.motion_bases import basis_map, mark, pixel, show_similarity, similarity, surface
from instant4d.files import SYNTHETIC_MARK
from instant4d.images import load_portrait, to_pil, to_tensor
from instant4d.video import read_video

ROOT, SIZE, SPOT = Path(__file__).resolve().parent.parent, 176, (.56, .69)
model = load_model('pixels'); photo = Image.fromarray(data.astronaut())         # Eileen Collins, NASA, public domain
avatar, n = model.encode(photo, refine=True), model.cfg.model.image
clip = read_video(ROOT/'data_samples'/'driving.mp4')[::2]
codes = [model.motion(to_tensor(f.resize((n, n))), crop=False) for f in clip]
front = basis_map(avatar, size=SIZE)
here = torch.zeros(SIZE, SIZE, dtype=torch.bool); here[pixel(SPOT, SIZE, SIZE)] = True
corner = surface(front, here)                                           # the point that was clicked, in space


def frame(k):
    "Photograph, driver, avatar, map, side by side, with a line below each."
    camera = Camera.look(22*math.sin(2*math.pi*k/len(clip)))
    m = basis_map(avatar, camera, SIZE); at = (camera.project(corner, SIZE)[0][0]/SIZE).tolist()
    parts = [load_portrait(photo, SIZE), clip[k].resize((SIZE, SIZE)), avatar.render(codes[k], camera, SIZE).image.clamp(0, 1),
             mark(show_similarity(similarity(front, SPOT, m, 'channels'), m), at, color='black')]
    out = Image.new('RGB', (4*SIZE + 18, SIZE + 22), 'white'); draw = ImageDraw.Draw(out)
    for j, (p, text) in enumerate(zip(parts, ('one photograph', 'somebody drives', 'the avatar', 'what moves like the ring'))):
        out.paste(to_pil(p), (j*(SIZE + 6), 0))
        draw.text((j*(SIZE + 6) + SIZE/2, SIZE + 5), text, 'black', ImageFont.load_default(13), anchor='ma')
    return out


frames = [frame(k) for k in range(len(clip))]
exif = Image.Exif(); exif[0x010E] = SYNTHETIC_MARK                      # as `save_image` writes it
frames[0].save(ROOT/'nbs'/'images'/'moving.webp', save_all=True, append_images=frames[1:], duration=83, loop=0, quality=70, method=6, exif=exif)
