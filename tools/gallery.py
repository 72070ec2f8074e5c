"""Draw nbs/images/gallery.jpg with the bundled weights `pixels`, teacher.jpg from the bundled heads: python tools/gallery.py"""
from pathlib import Path
import matplotlib.cbook
from PIL import Image
from skimage import data
from instant4d import Camera, load_model
from instant4d.data.people import Heads
from instant4d.data.shards import sample_shard
from instant4d.images import heat, panel, read_image, to_pil
from instant4d.model.photos import straighten

ROOT = Path(__file__).resolve().parent.parent
model, heads = load_model('pixels'), Heads(sample_shard())
drivers = [heads.on_grey(i, next(k for k in range(9) if heads.shot(i, k) == (e, 0))) for i, e in ((4, 1), (24, 1), (9, 2))]
codes = [model.motion(d, crop=False) for d in drivers]
hopper = matplotlib.cbook.get_sample_data('grace_hopper.jpg', asfileobj=False)      # Grace Hopper, U.S. Navy, public domain
sources = [Image.fromarray(data.astronaut()), read_image(hopper), to_pil(heads.on_grey(21, 0)), to_pil(heads.on_grey(40, 0))]
rows = [Image.new('RGB', (192, 192), 'white')]*5 + drivers
for source in sources:
    glance, avatar = model.encode(source), model.encode(source, refine=True)
    own = avatar.framing.camera; turned = [avatar.render(None, Camera.look(yaw), 192).image for yaw in (-30, 30)]
    rows += [straighten(source, avatar.framing, 192), glance.render(None, own, 192).image, avatar.render(None, own, 192).image, *turned,
             *(avatar.render(c, Camera.look(y), 192).image for c, y in zip(codes, (0, 0, 20)))]
titles = ['']*5 + ['driving']*3 + ['source', 'one pass', 'refined', 'yaw -30', '30', 'driven', 'driven', 'driven, yaw 20']*4
panel(rows, titles, cols=8, size=120).save(ROOT/'nbs'/'images'/'gallery.jpg')

people = 8, 30, 21, 24, 9, 36, 61, 12           # test identities for a row of the teacher's pictures
shots = [[next(k for k in range(9) if heads.shot(i, k) == p) for p in ((0, 0), (1, 0), (1, 1))] for i in people]
rows = [heads.on_grey(i, s[j]) for j in range(3) for i, s in zip(people, shots)] + [heat(heads.label(i, s[2]).float(), 0, 8, 'tab10') for i, s in zip(people, shots)]
panel(rows, cols=8, size=110).save(ROOT/'nbs'/'images'/'teacher.jpg')
