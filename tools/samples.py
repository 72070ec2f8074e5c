"""Render data_samples anew: python tools/samples.py [OUT]. Needs the head model (notebook 40); 10 minutes on two cores."""
import json, math, sys, tempfile
from pathlib import Path
import numpy as np
from PIL import Image
from instant4d.splatting.cameras import Camera
from instant4d.teacher.heads import (
    RENDERER_VERSION, Head, render_frame, make_heads, render_head, sample_person, studio)
from instant4d.video import write_video
from instant4d.teacher.morphable import NAMES
from instant4d.data.shards import encode_person, tar_index, write_shard

ROOT = Path(__file__).resolve().parent.parent; OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT/'data_samples'
PORTRAITS = 900_001, 900_002, 900_003, 900_005, 900_007, 900_009, 900_014, 900_015
DRIVER = 900_064
ASIDE = range(900_100, 900_106)
ONE_SIDED = [{}, dict(mouthSmile_L=.95), dict(mouthSmile_R=.95), dict(mouthLeft=.9), dict(mouthRight=.9)]
POSES = [{}, dict(mouthSmile_L=.9, mouthSmile_R=.9, cheekSquint_L=.4, cheekSquint_R=.4),
         dict(jawOpen=.75, browInnerUp_L=.8, browInnerUp_R=.8, browOuterUp_L=.7, browOuterUp_R=.7, eyeWide_L=.6, eyeWide_R=.6),
         dict(mouthPucker=.9, browDown_L=.7, browDown_R=.7), dict(eyeBlink_L=1., eyeBlink_R=1., mouthSmile_L=.6, mouthSmile_R=.2),
         dict(mouthFrown_L=.8, mouthFrown_R=.8, mouthShrugLower=.4, browDown_L=.5, browDown_R=.5),
         dict(jawOpen=.35, mouthFunnel=.7, eyeLookOut_L=.6, eyeLookIn_R=.6),
         dict(mouthStretch_L=.8, mouthStretch_R=.8, mouthLowerDown_L=.6, mouthLowerDown_R=.6, jawOpen=.15, noseSneer_L=.5, noseSneer_R=.5)]


def one_tar(path, identities, expressions, views):
    "Many people in one file."
    with tempfile.TemporaryDirectory() as d:
        files = [(name, p.read_bytes()[at:at + size]) for p in make_heads(identities, d, expressions=expressions, views=views)
                 for name, (at, size) in tar_index(p).files.items()]
        write_shard(path, files)


def portraits(folder):
    "Neutral, near-frontal portraits, and where eyes and chin are."
    folder.mkdir(parents=True, exist_ok=True); rows = []
    for seed in PORTRAITS:
        rng = np.random.default_rng([seed, 256]); yaw, pitch = (round(float(v), 1) for v in (rng.normal(0, 6), rng.normal(0, 4)))
        shot = Head(sample_person(seed), studio()).express({}); cam = Camera.look(yaw, pitch); c2w, K = cam.cam2world.double().numpy(), cam.K.double().numpy()
        q = (shot.landmarks() - c2w[:3, 3]) @ c2w[:3, :3]; q = (q[:, :2]/q[:, 2:]*K[0, 0] + .5).round(3); name = f'head-{seed}.webp'
        Image.fromarray(render_head(shot, cam, 256).rgba).save(folder/name, quality=90, exact=True)
        rows.append(dict(file=name, identity=seed, yaw=yaw, pitch=pitch, eyes=[q[36:42].mean(0).round(3).tolist(), q[42:48].mean(0).round(3).tolist()], chin=q[8].tolist()))
    (folder/'portraits.json').write_text('[\n' + ',\n'.join(map(json.dumps, rows)) + '\n]\n')


def clip(path, frames=72):
    "One person moves through eight expressions."
    head, out = Head(sample_person(DRIVER), studio()), []; per = frames/len(POSES)
    for t in range(frames):
        k = int(t/per); u = .5 - .5*math.cos(math.pi*min(1, 1.5*(t/per - k))); a, b = POSES[k], POSES[(k + 1) % len(POSES)]
        shot = head.express({n: (1 - u)*a.get(n, 0) + u*b.get(n, 0) for n in {*a, *b}}); camera = Camera.look(10*math.sin(2*math.pi*t/frames), 4*math.sin(4*math.pi*t/frames))
        x = render_head(shot, camera, 256).rgba.astype('f4')/255; out.append(x[..., :3] + (1 - x[..., 3:])*np.float32([.45, .5, .55]))
    write_video(path, out, fps=24)


def one_sided(path):
    "A neutral face, then mouths that do something on one side; from in front."
    def person(seed):
        who, rng = sample_person(seed), np.random.default_rng([seed, 11]); head, frames = Head(who, studio(512)), []
        for e, b in enumerate(ONE_SIDED):
            yaw, pitch = (float(v) for v in (rng.normal(0, 6), rng.normal(0, 4)))
            frames.append(dict(key=f'e{e:02d}v00', yaw=yaw, pitch=pitch, expression=[b.get(n, 0.) for n in NAMES], shared=None,
                               **render_frame(head.express(b), Camera.look(yaw, pitch), 128)))
        return encode_person(seed, NAMES, frames, RENDERER_VERSION, 128, looks={k: who[k] for k in ('look', 'style', 'light', 'shape')})
    write_shard(path, (x for seed in ASIDE for x in person(seed)))


if __name__ == '__main__':
    OUT.mkdir(parents=True, exist_ok=True); portraits(OUT/'portraits'); clip(OUT/'driving.mp4')
    one_tar(OUT/'heads-test.tar', '900000:900064', 3, 3); one_tar(OUT/'heads-train.tar', '0:24', 8, 4)
    one_sided(OUT/'heads-one-sided.tar')
