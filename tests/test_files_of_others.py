"""Files that other programs write are read for what they say or refused in one line; what we write, others can read."""
import numpy as np, pytest, torch
from instant4d import Gaussians
from instant4d.splatting.kernels import random_scene
from instant4d.splatting.ply import PLY_FIELDS


def refused(call, *words):
    "`call` raises one line that holds all `words`."
    with pytest.raises(ValueError) as caught: call()
    line = str(caught.value)
    assert '\n' not in line and 10 < len(line) < 400 and all(str(w) in line for w in words), line


# ----------------------------------------------------------------------------------------------------------------- PLY

SPLATS = np.frombuffer(b''.join(np.random.default_rng(k).normal(size=17).astype('<f4').tobytes() for k in range(5)), '<f4').reshape(5, 17)
TYPES = dict(f4='float', f8='double')

def ply(path, order='binary_little_endian', kind='f4', end='\n', before=(), after=(), body=b'', rows=SPLATS, n=5, names=PLY_FIELDS):
    "A PLY of splats as some program may write it."
    head = ['ply', f'format {order} 1.0', *before, f'element vertex {n}', *(f'property {TYPES[kind]} {k}' for k in names), *after, 'end_header', '']
    numbers = (end.join(' '.join(map(str, r)) for r in rows.tolist()).encode() if order == 'ascii'
               else rows.astype(('>' if 'big' in order else '<') + kind).tobytes())
    path.write_bytes(end.join(head).encode() + body + numbers)
    return path

FACES = ['element face 2', 'property list uchar int at']
PLYS = {
    'doubles':dict(kind='f8'), 'windows':dict(end='\r\n'), 'old mac':dict(end='\r'), 'big endian':dict(order='binary_big_endian'), 'text':dict(order='ascii', end='\r\n'),
    'comments':dict(before=['comment a', 'obj_info b'], after=['comment end_header', 'obj_info c']),
    'faces behind':dict(after=FACES),
    'faces before':dict(before=FACES, body=(b'\x03' + bytes(12))*2),
    'faces before, text':dict(order='ascii', before=FACES, body=b'3 0 1 2\n3 0 1 2\n'),
    'a list per vertex':dict(names=['nx', *PLY_FIELDS[:3], 'ny', 'nz', *PLY_FIELDS[6:]], rows=SPLATS[:, [3, 0, 1, 2, *range(4, 17)]]),
}

@pytest.mark.parametrize('case', PLYS)
def test_ply_of_other_programs(case, tmp_path):
    plain = Gaussians.load_ply(ply(tmp_path/'plain.ply'))
    other = Gaussians.load_ply(ply(tmp_path/'other.ply', **PLYS[case]))
    for a, b in zip(vars(plain).values(), vars(other).values()): torch.testing.assert_close(a, b)


@pytest.mark.parametrize('word, kind', [('char', 'i1'), ('uint8', 'u1'), ('int16', 'i2'), ('ushort', 'u2'), ('int32', 'i4'), ('uint', 'u4'), ('float64', 'f8')])
def test_ply_number_types(word, kind, tmp_path):
    "A point cloud whose places are whole numbers, beside a list and colours."
    head = f'ply\nformat binary_big_endian 1.0\nelement vertex 2\nproperty list uint8 {word} seen\n' + ''.join(f'property {word} {k}\n' for k in 'xyz')
    head += ''.join(f'property ushort {k}\n' for k in ('red', 'green', 'blue')) + 'end_header\n'
    row = np.dtype([('n', 'u1'), ('seen', '>' + kind, (2,)), ('at', '>' + kind, (3,)), ('rgb', '>u2', (3,))])
    (tmp_path/'a.ply').write_bytes(head.encode() + np.array([(2, (7, 7), (1, 2, 3), (65535, 0, 0)), (2, (7, 7), (4, 2, 3), (0, 0, 65535))], row).tobytes())
    g = Gaussians.load_ply(tmp_path/'a.ply')
    assert g.means.tolist() == [[1, -2, -3], [4, -2, -3]] and g.colors.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert g.scales.tolist() == [[3]*3]*2 and g.opacities.tolist() == [1, 1]


@pytest.mark.parametrize('columns, values, want', [
    ('', '', [.5]*3), ('uchar red/uchar green/uchar blue', '255 0 51', [1, 0, .2]), ('float red/float green/float blue', '1 0 .2', [1, 0, .2]),
    ('int red/int green/int blue', '255 0 51', [1, 0, .2]), ('uchar diffuse_red/uchar diffuse_green/uchar diffuse_blue', '0 0 0', [0]*3)])
def test_point_cloud_colours(columns, values, want, tmp_path):
    extra = ''.join(f'property {c}\n' for c in columns.split('/') if c)
    (tmp_path/'a.ply').write_text(f'ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n{extra}end_header\n1 2 3 {values}\n')
    g = Gaussians.load_ply(tmp_path/'a.ply')
    torch.testing.assert_close(g.colors, torch.tensor([want]).float()); assert g.n == 1


def test_splats_with_plain_colours(tmp_path):
    rows = np.hstack([SPLATS[:, :6], SPLATS[:, 9:], np.full((5, 3), .25)]); names = [*PLY_FIELDS[:6], *PLY_FIELDS[9:], 'red', 'green', 'blue']
    assert (Gaussians.load_ply(ply(tmp_path/'a.ply', rows=rows, names=names)).colors == .25).all()
    refused(lambda: Gaussians.load_ply(ply(tmp_path/'a.ply', rows=rows[:, :-3], names=names[:-3])), 'lacks f_dc_0')


HOSTILE = {
    'huge':(dict(n=3_000_000_000), ['5 of 3000000000']), 'huge text':(dict(n=10**15, order='ascii'), ['cut off']),
    'huge list':(dict(before=['element face 1', 'property list uint double at'], body=b'\xff'*4), ['cut off in its face']),
    'many empty':(dict(before=['element nothing 99999999999'], n=6), ['5 of 6']), 'minus':(dict(n=-3), ['damaged']),
    'uneven':(dict(before=FACES, body=b'\x03' + bytes(12) + b'\x04' + bytes(16)), ['different lengths']),
    'twice':(dict(after=['property float x']), ['damaged']), 'no points':(dict(names=['a', 'b', 'c', *PLY_FIELDS[3:]]), ['lack x, y, z']),
    'words':(dict(order='ascii', body=b'one two '), ['a word among']), 'other order':(dict(order='binary_middle_endian'), ['damaged']),
    'compressed':(dict(after=['property uint packed_position']), ['uncompressed']),
}

@pytest.mark.parametrize('case', HOSTILE)
def test_hostile_ply(case, tmp_path):
    kw, words = HOSTILE[case]
    refused(lambda: Gaussians.load_ply(ply(tmp_path/'a.ply', **kw)), tmp_path, *words)


def test_front(tmp_path):
    "Both ways to face: y is down in the file, the front is where it was asked for, and what is read is what was written."
    g = random_scene(9)
    for front, turn in (('-z', [1, -1, -1]), ('+z', [-1, -1, 1])):
        g.save_ply(tmp_path/'a.ply', front=front); back = Gaussians.load_ply(tmp_path/'a.ply', front=front)
        for a, b in zip(vars(g).values(), vars(back).values()): torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
        raw = np.frombuffer((tmp_path/'a.ply').read_bytes()[-9*68:], '<f4').reshape(9, 17)[:, :3]
        torch.testing.assert_close(torch.tensor(raw), g.means*torch.tensor(turn))
    refused(lambda: g.save_ply(tmp_path/'b.ply', front='x'), 'SuperSplat'); assert not (tmp_path/'b.ply').exists()


# ------------------------------------------------------------------------------------------------ recordings of a phone

import warnings
from instant4d import read_arkit
from instant4d.explore.driving import arkit_name

NAMES = ['jawOpen', 'mouthSmile_L']         # the others would be read alike
HEAD = 'Timecode,BlendShapeCount,JawOpen,MouthSmileLeft,HeadYaw,HeadPitch,HeadRoll'

def stamp(k, fps, start=0): s, f = divmod(start + k, fps); return f'23:59:{s:02}:{f:02}.000' if s < 60 else f'00:00:{s - 60:02}:{f:02}.000'

def recording(path, times, head=HEAD, row=lambda k: f'61,{k/1000},.5,.1,.2,.3', sep='\n'):
    "A CSV as a phone may write it; the jaw opens by a thousandth each frame."
    path.write_text(sep.join([head, *(f'{t},{row(k)}' for k, t in times)]) + '\n')
    return path

def read(path, *warned, fps=None):
    "The recording, and exactly these warnings."
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always'); r = read_arkit(path, NAMES, fps)
    said = [str(w.message) for w in seen]
    assert len(said) == len(warned) and all(w in s and '\n' not in s for w, s in zip(warned, said)), said
    return r


CLOCKS = {f'{fps} frames':([(k, stamp(k, fps, 40)) for k in range(2*fps)], fps) for fps in (24, 25, 30, 50, 60)}
CLOCKS |= {
    'short':([(k, stamp(k, 60, 50)) for k in range(20)], 60), 'past midnight':([(k, stamp(k, 60, 59*60 + 30)) for k in range(60)], 60),
    'semicolon':([(k, stamp(k, 30)[:8] + ';' + stamp(k, 30)[9:11]) for k in range(40)], 30),
    'half frames':([(k, f'10:00:{k//60:02}:{k%60//2:02}.{k%2*5}00') for k in range(90)], 60),
    'every second frame':([(k, stamp(2*k, 60)) for k in range(60)], 30),
    'seconds':([(k, f'{k/24:.4f}') for k in range(50)], 24), 'rounded':([(k, f'{7 + k/60:.3f}') for k in range(90)], 60),
    'a clock':([(k, f'10:00:{1 + k/25:06.3f}') for k in range(50)], 25), 'milliseconds':([(k, f'10:00:{k//50:02}:{k%50*20:03}') for k in range(120)], 50),
}

@pytest.mark.parametrize('case', CLOCKS)
def test_rate_of_a_recording(case, tmp_path):
    times, fps = CLOCKS[case]
    r = read(recording(tmp_path/'a.csv', times))
    assert r.fps == fps and len(r.coefs) == len(times)
    torch.testing.assert_close(r.coefs[:, 0], torch.arange(len(times))/1000)
    torch.testing.assert_close(r.turns[0], torch.tensor([.1, .2, .3])*180/torch.pi)


@pytest.mark.parametrize('times', [[stamp(k, 24) for k in range(20)], [str(k) for k in range(20)], ['00:00:00:00']*20, ['']*20], ids=['short', 'numbers', 'stands', 'none'])
def test_a_rate_that_nothing_tells(times, tmp_path):
    path = recording(tmp_path/'a.csv', list(enumerate(times)))
    assert read(path, '60 frames a second are assumed').fps == 60
    r = read(path, fps=24)
    assert r.fps == 24 and torch.allclose(r.coefs[:, 0], torch.arange(20)/1000)


@pytest.mark.parametrize('fps', [None, 30, 15])
def test_dropped_frames_are_filled(fps, tmp_path):
    "Three seconds stay three seconds, and what was linear stays linear."
    kept = [k for k in range(91) if k % 7 and not 40 < k < 50 or k in (0, 90)]
    r = read(recording(tmp_path/'a.csv', [(k, stamp(k, 30, 11)) for k in kept]), fps=fps)
    assert r.fps == (fps or 30) and len(r.coefs) == 3*(fps or 30) + 1
    torch.testing.assert_close(r.coefs[:, 0], torch.linspace(0, .09, len(r.coefs)))


TIMES = [(k, stamp(k, 30)) for k in range(40)]

def test_semicolons_and_decimal_commas(tmp_path):
    path = recording(tmp_path/'a.csv', TIMES); want = read(path)
    path.write_text('\n'.join(l.replace(',', ';').replace('.', ',') if k else l.replace(',', ';') for k, l in enumerate(path.read_text().replace('.000,', ',').split('\n'))))
    torch.testing.assert_close(read(path).coefs, want.coefs)


def test_turns(tmp_path):
    deg = lambda k: f'61,0,.5,{k/2},-12,3'
    r = read(recording(tmp_path/'a.csv', TIMES, row=deg), 'read as degrees')
    assert r.turns[-1].tolist() == [19.5, -12, 3]
    r = read(recording(tmp_path/'a.csv', TIMES, HEAD.removesuffix(',HeadRoll'), lambda k: '61,0,.5,.1,.2'), 'no column HeadRoll')
    torch.testing.assert_close(r.turns[3], torch.tensor([.1, .2, 0])*180/torch.pi)
    assert not read(recording(tmp_path/'a.csv', TIMES, HEAD.split(',HeadYaw')[0], lambda k: '61,0,.5')).turns.any()


WRONG = {
    'commas':(dict(row=lambda k: '61,0,01,0,5,0,1,0,2,0,3'), ['line 2', 'write 0.5, not 0,5']),
    'percent':(dict(row=lambda k: f'61,0,50,0,0,0'), ['line 2', "MouthSmileLeft is '50'", 'percent']),
    'enormous':(dict(row=lambda k: '61,1e38,0,0,0,0'), ["JawOpen is '1e38'"]), 'enormous turn':(dict(row=lambda k: '61,0,0,1e38,0,0'), ['HeadYaw', 'degrees']),
    'twice':(dict(head=HEAD.replace('HeadRoll', 'jawopen')), ['two columns are called jawopen']),
    'blank lines count':(dict(row=lambda k: '61,x,0,0,0,0' if k == 3 else '61,0,0,0,0,0', sep='\n\n'), ['line 9', "JawOpen is 'x'"]),
    'short line':(dict(row=lambda k: '61,0'), ['line 2', 'MouthSmileLeft is missing']),
    'a word for a time':(dict(times=[*TIMES[:3], (3, 'later')]), ['line 5', 'later']), 'back':(dict(times=TIMES[::-1]), ['line 3', 'above']),
    'a long gap':(dict(times=[*TIMES, (0, '23:59:40:00')]), ['line 42', 'cut the recording there']),
}

@pytest.mark.parametrize('case', WRONG)
def test_wrong_recordings(case, tmp_path):
    kw, words = WRONG[case]
    refused(lambda: read(recording(tmp_path/'a.csv', **dict(times=TIMES) | kw)), tmp_path, *words)


# ------------------------------------------------------------------------------------------------ files for other viewers

import gzip, struct
from dataclasses import replace
from instant4d import Camera, splat

def read_spz(path):
    "Antialiased?, places, opacities, colours (harmonics), log scales, quaternions (x,y,z,w): by the description of version 3."
    data = gzip.decompress(path.read_bytes())
    magic, version, n, degree, bits, flags, _ = struct.unpack('<IIIBBBB', data[:16])
    assert (magic, version, degree, len(data)) == (0x5053474e, 3, 0, 16 + 20*n)
    place, alpha, colour, scale, turn = np.split(np.frombuffer(data, 'u1', offset=16), np.cumsum([9*n, n, 3*n, 3*n]))
    place = np.pad(place.reshape(-1, 3), ((0, 0), (1, 0))).view('<i4').reshape(n, 3)/256/2**bits
    q = np.zeros((n, 4))
    for k, word in enumerate(turn.view('<u4').tolist()):
        for i in (i for i in (3, 2, 1, 0) if i != turn.view('<u4')[k] >> 30):
            q[k, i] = (word & 511)/511*.5**.5*(-1 if word & 512 else 1); word >>= 10
        q[k, word & 3] = (1 - (q[k]**2).sum())**.5
    return flags & 1, place, alpha/255, (colour.reshape(n, 3)/255 - .5)/.15, scale.reshape(n, 3)/16 - 10, q


def test_spz_is_read_within_its_rounding(tmp_path):
    g = random_scene(200); g.save_spz(tmp_path/'a.spz')
    smooth, place, alpha, colour, scale, q = read_spz(tmp_path/'a.spz')
    w = torch.nn.functional.normalize(g.quats.double(), dim=-1)[:, [1, 2, 3, 0]].numpy()
    assert not smooth and np.abs(place - g.means.numpy()).max() <= 2**-13 + 1e-7 and np.abs(alpha - g.opacities.numpy()).max() <= .5/255 + 1e-6
    assert np.abs(.5 + .28209479*colour - g.colors.numpy()).max() < .0038 and np.abs(scale - g.scales.log().numpy()).max() <= 1/32 + 1e-5
    assert np.abs((q*w).sum(1)).min() > 1 - 1e-5


def test_what_never_shows_is_left_out(tmp_path):
    g = random_scene(300); g = replace(g, opacities=g.opacities*(torch.arange(300) % 3 > 0)*.99 + .003)
    few = g.shown(); a, b = (splat(x, Camera.look(), 64) for x in (g, few))
    assert few.n == 200 and torch.equal(a.image, b.image) and torch.equal(a.alpha, b.alpha)


@pytest.mark.parametrize('spoil, words', [
    (dict(means=random_scene(9).means + 3000), ['SPZ reaches 2048']), (dict(colors=torch.ones(9, 4)), ['3 colour channels']), (dict(scales=-torch.ones(9, 3)), ['scales'])])
def test_spz_refuses(spoil, words, tmp_path):
    refused(lambda: replace(random_scene(9), **spoil).save_spz(tmp_path/'a.spz'), *words); assert not list(tmp_path.iterdir())


def test_view_without_viser_says_what_to_install(tmp_path, monkeypatch, capsys):
    from instant4d import cli
    import sys
    monkeypatch.setitem(sys.modules, 'viser', None)
    assert cli.main(['view', str(tmp_path/'me.png')]) == 2
    said = capsys.readouterr().err
    assert said.count('\n') == 1 and 'pip install "instant4d[view]"' in said
