"""Clips as people have them: rate, length, sound, turned and damaged ones. All of them are made here, by PyAV."""

from fractions import Fraction
import av, numpy as np, pytest
from PIL import Image
from instant4d import video
from instant4d.video import Clip, read_video, write_video

NTSC = Fraction(30000, 1001)


def scene(n)->np.ndarray:
    "A bright top edge, a bar that moves to the right."
    a = np.zeros((64, 96, 3), np.uint8)
    a[:8], a[8:, 3*n % 90:3*n % 90 + 6], a[40:, :, 0] = 255, 200, 128
    return a

def tone(out, stream, seconds, delay=0.):
    "A hum of so many seconds."
    wide = stream.codec_context.name.startswith('pcm') or stream.codec_context.name == 'mp2'
    for s in range(0, int(44100*seconds), 1152):
        x = .3*np.sin(.05*np.arange(s, s + 1152))
        x = np.repeat((32767*x).astype(np.int16), 2)[None] if wide else np.stack([x, x]).astype(np.float32)
        f = av.AudioFrame.from_ndarray(x, 's16' if wide else 'fltp', layout='stereo')
        f.sample_rate, f.pts, f.time_base = 44100, s + int(44100*delay), Fraction(1, 44100)
        out.mux(stream.encode(f))
    out.mux(stream.encode(None))

def film(path, n=30, rate=NTSC, *, times=None, sound='aac', codec='libx264', delay=0., seconds=None, **open_with):
    "Write a clip; `times` in milliseconds make its frames uneven."
    with av.open(str(path), 'w', **open_with) as out:
        v = out.add_stream(codec, rate=rate); v.width, v.height, v.pix_fmt = 96, 64, 'yuv420p'
        if times: v.codec_context.time_base = Fraction(1, 1000)
        a = out.add_stream(sound, rate=44100) if sound else None
        for k in range(n):
            f = av.VideoFrame.from_ndarray(scene(k), 'rgb24')
            if times: f.pts, f.time_base = times[k], Fraction(1, 1000)
            out.mux(v.encode(f))
        out.mux(v.encode())
        if sound: tone(out, a, seconds or n/rate, delay)
    return path

def told(path)->dict:
    "Rate, frames and sound of a finished mp4."
    with av.open(str(path)) as c:
        v, a = c.streams.video[0], [*c.streams.audio, None][0]
        return dict(fps=v.average_rate, frames=v.frames, seconds=v.duration*v.time_base, sound=a and float(a.duration*a.time_base),
                    begins=a and float((a.start_time or 0)*a.time_base))

def through(path, tmp_path)->dict:
    "What becomes of a clip that is read and written again."
    clip = Clip(path); write_video(tmp_path/'through.mp4', clip, clip.fps, sound=path)
    return told(tmp_path/'through.mp4')


KINDS = {'a.mp4':dict(), 'a:b.mp4':dict(rate=24), 'a.mkv':dict(rate=25), 'a.mov':dict(rate=30, sound='pcm_s16le'),
         'a.avi':dict(rate=30, sound='pcm_s16le', codec='mpeg4'), 'a.mpg':dict(rate=25, sound='mp2', codec='mpeg2video'),
         'a.m4v':dict(rate=50, format='mp4'), 'a.mp4 without sound':dict(sound=None, format='mp4')}

@pytest.mark.parametrize('name', KINDS)
def test_rate_length_and_sound_stay(name, tmp_path):
    rate = KINDS[name].get('rate', NTSC)
    out = through(film(tmp_path/name, **KINDS[name]), tmp_path)
    assert (out['fps'], out['frames']) == (rate, 30)
    if 'without' in name: assert out['sound'] is None
    else: assert abs(out['sound'] - 30/rate) < .06 and out['begins'] < .03


def test_sound_ends_with_the_pictures(tmp_path):
    path = film(tmp_path/'long.mp4', 60, seconds=2.)
    write_video(tmp_path/'short.mp4', read_video(path, 15), NTSC, sound=path)
    assert told(tmp_path/'short.mp4')['sound'] < .55

def test_late_sound_stays_late(tmp_path):
    assert .2 < through(film(tmp_path/'late.mkv', 60, delay=.25, seconds=1.), tmp_path)['begins'] < .3


def test_uneven_frames(tmp_path):
    "Six frames in a second and a bit: the same length, and each of them to be seen."
    clip = Clip(film(tmp_path/'vfr.mp4', 6, times=[0, 40, 240, 280, 700, 1000], sound=None))
    frames = [np.asarray(f) for f in clip]
    assert clip.fps == 25 and len(frames) == len(clip) == 26
    places = [int(f[20, :, 1].argmax()) for f in frames]
    assert [places.index(p) for p in sorted(set(places))] == [0, 1, 6, 7, 18, 25]

def test_a_phone_that_trembles(tmp_path):
    clip = Clip(film(tmp_path/'phone.mkv', 30, times=[33*k + k//3 + k % 2 for k in range(30)], sound=None))
    assert clip.even and len(list(clip)) == 30 and abs(clip.fps - 30) < .1

@pytest.mark.parametrize('delays, fps, frames', [(100, 10, 10), ([100]*9 + [500], 10, 14), ([30, 60, 90]*3 + [30], 100/3, 19)])
def test_gif_delays(delays, fps, frames, tmp_path):
    first, *rest = [Image.fromarray(scene(k)) for k in range(10)]
    first.save(tmp_path/'a.gif', save_all=True, append_images=rest, duration=delays)
    clip = Clip(tmp_path/'a.gif')
    assert abs(clip.fps - fps) < .02*fps and len(list(clip)) == len(clip) == frames

@pytest.mark.parametrize('fps, frames', [(60, 50), (30, 30), (12.5, 30)])
def test_gif_keeps_its_length(fps, frames, tmp_path):
    "GIFs count hundredths of a second: rounding does not add up, and no frame is faster than two of them."
    write_video(tmp_path/'a.gif', [scene(k) for k in range(60 if fps == 60 else 30)], fps)
    im, long = Image.open(tmp_path/'a.gif'), []
    for k in range(im.n_frames): im.seek(k); long.append(im.info['duration'])
    assert im.n_frames == frames and min(long) >= 20 and abs(sum(long) - 1000*(60 if fps == 60 else 30)/fps) <= 10

def test_another_rate(tmp_path):
    clip = Clip(film(tmp_path/'a.mp4', 60, Fraction(30), sound=None), fps=10)
    assert len(list(clip)) == len(clip) == 20

def test_large_frames_are_shrunk(tmp_path):
    write_video(tmp_path/'a.mp4', [np.zeros((120, 360, 3), np.uint8)]*2)
    assert next(iter(Clip(tmp_path/'a.mp4', side=90))).size == (90, 30)


def turned(data, a, b, c, d)->bytes:
    "An mp4 with another display matrix."
    at, new = data.index(b'tkhd') + 44, bytearray(data)
    new[at:at+36] = b''.join(int(x).to_bytes(4, 'big', signed=True) for x in (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30))
    return bytes(new)

@pytest.mark.parametrize('matrix, bright', [((0, 1, -1, 0), np.s_[:, -8:]), ((-1, 0, 0, -1), np.s_[-8:]), ((0, -1, 1, 0), np.s_[:, :8])])
def test_turned_clips(matrix, bright, tmp_path, capfd):
    "The bright edge, stored at the top, is shown on the right, below and on the left; ffmpeg says nothing."
    path = film(tmp_path/'a.mp4', 3, sound=None); path.write_bytes(turned(path.read_bytes(), *matrix))
    a = np.asarray(next(iter(Clip(path))))
    assert a.shape == ((96, 64, 3) if matrix[0] == 0 else (64, 96, 3)) and a[bright].min() > 220
    assert capfd.readouterr().err == ''

def test_hdr_says_so(tmp_path):
    with av.open(str(tmp_path/'a.mkv'), 'w') as out:
        v = out.add_stream('libx264', rate=25); v.width, v.height, v.pix_fmt = 96, 64, 'yuv420p'
        v.codec_context.color_trc = 16
        out.mux(v.encode(av.VideoFrame.from_ndarray(scene(0), 'rgb24'))); out.mux(v.encode())
    with pytest.warns(UserWarning, match='a.mkv: is HDR'): read_video(tmp_path/'a.mkv')


def test_a_clip_that_ends_early(tmp_path):
    path = tmp_path/'a.mp4'
    write_video(path, [scene(k) for k in range(72)], 25); data = path.read_bytes()
    path.write_bytes(data[:len(data)*3//4])
    with pytest.warns(UserWarning, match='ends early'): frames = read_video(path)
    assert 20 < len(frames) < 72

def test_damage_in_the_middle_keeps_time(tmp_path):
    path = tmp_path/'a.mp4'
    write_video(path, [scene(k) for k in range(72)], 25); data = bytearray(path.read_bytes())
    data[len(data)//2:len(data)//2 + 300] = bytes(300); path.write_bytes(data)
    with pytest.warns(UserWarning, match='of 72 frames are damaged'): frames = read_video(path)
    assert len(frames) == 72

FOREIGN = {'playlist':'#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.mp4\n#EXT-X-ENDLIST\n',
           'list':"ffconcat version 1.0\nfile 'a.mp4'\n", 'sdp':'v=0\nm=video 9 RTP/AVP 26\nc=IN IP4 127.0.0.1\n'}

@pytest.mark.parametrize('kind', FOREIGN)
def test_only_what_holds_its_own_pictures(kind, tmp_path):
    "A clip that names other files, or addresses, is refused."
    film(tmp_path/'a.mp4', 3, sound=None); (tmp_path/'b.mp4').write_text(FOREIGN[kind])
    with pytest.raises(ValueError, match='b.mp4: cannot be read as a clip'): read_video(tmp_path/'b.mp4')

def test_sound_without_pictures(tmp_path):
    with av.open(str(tmp_path/'a.m4a'), 'w', format='mp4') as out: tone(out, out.add_stream('aac', rate=44100), .5)
    with pytest.raises(ValueError, match='no pictures in it'): read_video(tmp_path/'a.m4a')

def test_a_folder_is_no_clip(tmp_path):
    with pytest.raises(ValueError, match='not a file'): read_video(tmp_path)

def test_nothing_is_held(tmp_path, monkeypatch):
    "Frames come one at a time: whoever takes three of a thousand pays for a few."
    path, made = tmp_path/'a.mp4', []; write_video(path, (scene(k) for k in range(1000)), 25)
    monkeypatch.setattr(video, '_upright', lambda *args, f=video._upright: made.append(1) or f(*args))
    frames = iter(Clip(path)); first = [next(frames) for _ in range(3)]; frames.close()
    assert len(first) == 3 and 3 <= len(made) < 10
