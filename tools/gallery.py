"""Draw nbs/images/gallery.jpg with the bundled checkpoint, teacher.jpg from the bundled heads: python tools/gallery.py"""
from pathlib import Path
from PIL import Image
from skimage import data
from instant4d import Camera, load_model
from instant4d.data.people import Heads
from instant4d.data.shards import sample_shard
from instant4d.images import heat, load_portrait, panel

ROOT = Path(__file__).resolve().parent.parent
model, heads = load_model(), Heads(sample_shard())
grey = heads.on_grey
drivers = [grey(i, next(k for k in range(9) if heads.shot(i, k) == (e, 0))) for i, e in ((4, 1), (24, 1), (9, 2))]
codes = [model.motion(d, crop=False) for d in drivers]
sources = [(grey(21, 0), False), (grey(40, 0), False), (Image.fromarray(data.astronaut()), True)]
rows = [Image.new('RGB', (128, 128), 'white')]*4 + drivers
for source, crop in sources:
    avatar = model.encode(source, crop)
    still = [avatar.render(None, Camera.look(yaw), 192).image for yaw in (-30, 0, 30)]
    rows += [load_portrait(source, 128, crop), *still, *(avatar.render(c, Camera.look(y), 192).image for c, y in zip(codes, (0, 0, 20)))]
titles = ['', '', '', '', 'driving', 'driving', 'driving'] + ['source', 'yaw -30', '0', '30', 'driven', 'driven', 'driven, yaw 20']*3
panel(rows, titles, cols=7, size=120).save(ROOT/'nbs'/'images'/'gallery.jpg')

people = 8, 30, 21, 24, 9, 36, 61, 12           # test identities for a row of the teacher's pictures
shots = [[next(k for k in range(9) if heads.shot(i, k) == p) for p in ((0, 0), (1, 0), (1, 1))] for i in people]
rows = [grey(i, s[j]) for j in range(3) for i, s in zip(people, shots)] + [heat(heads.label(i, s[2]).float(), 0, 8, 'tab10') for i, s in zip(people, shots)]
panel(rows, cols=8, size=110).save(ROOT/'nbs'/'images'/'teacher.jpg')
