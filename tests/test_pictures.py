"""Pictures as people have them: profiles, deep and shallow numbers, what is no picture. All of them are made here."""

import os, struct, sys, warnings
import av, numpy as np, pytest
from PIL import Image
from instant4d.images import as_pixels, read_image

RAMP = np.tile(np.linspace(0, 1, 64), (32, 1))


def profile(primaries, gamma=2.2)->bytes:
    "A small ICC profile: three columns of XYZ under D50, and one gamma."
    fixed = lambda *v: struct.pack(f'>{len(v)}i', *(round(65536*x) for x in v))
    xyz = lambda v: b'XYZ \0\0\0\0' + fixed(*v)
    curve = b'curv\0\0\0\0' + struct.pack('>IH', 1, round(256*gamma)) + b'\0\0'
    text = lambda s: b'text\0\0\0\0' + s + b'\0'*(4 - len(s) % 4)
    named = b'desc\0\0\0\0' + struct.pack('>I', 5) + b'wide\0' + bytes(78) + b'\0'
    tags = {b'desc':named, b'cprt':text(b'none'), b'wtpt':xyz((.9642, 1, .8249)), b'rTRC':curve, b'gTRC':curve, b'bTRC':curve}
    tags |= {k:xyz(v) for k, v in zip((b'rXYZ', b'gXYZ', b'bXYZ'), primaries)}
    table, body, at = b'', b'', 128 + 4 + 12*len(tags)
    for k, v in tags.items():
        v += bytes(-len(v) % 4); table += k + struct.pack('>II', at, len(v)); body += v; at += len(v)
    head = struct.pack('>I4sI4s4s4s', at, b'none', 0x02100000, b'mntr', b'RGB ', b'XYZ ') + bytes(12) + b'acsp' + bytes(28)
    return head + fixed(.9642, 1, .8249) + bytes(48) + struct.pack('>I', len(tags)) + table + body

P3 = (.5151, .2412, -.0011), (.2920, .6922, .0419), (.1571, .0666, .7841)       # Display P3 under D50

def test_a_profile_is_used(tmp_path):
    "A muted red of P3 is a stronger red of sRGB; grey stays grey."
    im = Image.new('RGB', (32, 32), (180, 90, 90)); im.paste((128,)*3, (0, 0, 16, 32))
    im.save(tmp_path/'p3.png', icc_profile=profile(P3))
    grey, red = (np.asarray(read_image(tmp_path/'p3.png'))[5, x].astype(int) for x in (4, 28))
    assert abs(grey - 128).max() <= 2 and red[0] > 186 and red[1] < 88

@pytest.mark.parametrize('icc', [b'xxxx', b''])
def test_a_broken_profile_is_passed_over(icc, tmp_path):
    Image.new('RGB', (32, 32), (180, 90, 90)).save(tmp_path/'a.png', icc_profile=icc)
    assert read_image(tmp_path/'a.png').getpixel((3, 3)) == (180, 90, 90)


DEEP = {'12 bits':(4095, np.uint16), '16 bits':(65535, np.uint16), '8 in 16 bits':(255, np.uint16), '8 in 32 bits':(255, np.int32),
        'float to 1':(1, np.float32), 'float a little over 1':(1.01, np.float32), 'float to 255':(255, np.float32), 'float to 65535':(65535, np.float32)}

@pytest.mark.parametrize('kind', DEEP)
def test_what_white_is(kind, tmp_path):
    top, dtype = DEEP[kind]
    Image.fromarray((RAMP*top).astype(dtype)).save(tmp_path/'a.tif')
    assert np.abs(np.asarray(read_image(tmp_path/'a.tif'))[..., 0] - 255*RAMP).max() < 3

BAD = {'nan':(np.where(RAMP > .9, np.nan, RAMP).astype(np.float32), 'holds NaN'), 'a million':((1e6*RAMP).astype(np.int32), 'values from 0 to 1e'),
       'below zero':((1000*RAMP - 500).astype(np.int32), 'values from -500')}

@pytest.mark.parametrize('kind', BAD)
def test_what_cannot_be_told(kind, tmp_path):
    x, why = BAD[kind]; Image.fromarray(x).save(tmp_path/'a.tif')
    with pytest.raises(ValueError, match=f'a.tif: the picture .*{why}'): read_image(tmp_path/'a.tif')

@pytest.mark.parametrize('top', [4095, 65535])
def test_deep_colour(top, tmp_path):
    "PIL keeps the upper half of 16 bits: of 12 in them, nothing is left."
    f = av.VideoFrame.from_ndarray((np.repeat(RAMP[..., None], 3, 2)*top).astype(np.uint16), 'rgb48le')
    with av.open(str(tmp_path/'a.png'), 'w', format='image2', options=dict(update='1')) as out:
        s = out.add_stream('png', rate=1); s.width, s.height, s.pix_fmt = 64, 32, 'rgb48be'
        out.mux(s.encode(f)); out.mux(s.encode())
    if top == 65535: assert np.asarray(read_image(tmp_path/'a.png')).max() == 255
    else:
        with pytest.raises(ValueError, match='a.png: 16 bits a channel, but nearly black'): read_image(tmp_path/'a.png')


def test_too_many_pixels(tmp_path):
    Image.new('1', (14000, 14000)).save(tmp_path/'a.png')
    with pytest.raises(ValueError, match='a.png: more than 179 million pixels; make it smaller'): read_image(tmp_path/'a.png')

def test_many_pixels_without_a_word(tmp_path):
    Image.new('1', (9500, 9500)).save(tmp_path/'a.png')
    with warnings.catch_warnings(): warnings.simplefilter('error'); assert read_image(tmp_path/'a.png').size == (9500, 9500)

@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path/'a.png')
    with pytest.raises(ValueError, match='a.png: not a file'): read_image(tmp_path/'a.png')

def test_heic_without_its_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pillow_heif', None); (tmp_path/'a.heic').write_bytes(b'\0\0\0\x18ftypheic')
    with pytest.raises(ValueError, match='a.heic.*pip install pillow-heif'): read_image(tmp_path/'a.heic')

@pytest.mark.parametrize('dtype', [np.int16, np.int32, np.int64, np.uint16])
def test_whole_numbers(dtype):
    "Whole numbers are bytes in a wider box, or refused; they are never taken as floats."
    assert as_pixels(np.full((8, 8, 3), 200, dtype)).max() == 200
    with pytest.raises(ValueError, match='from 0 to 255, not from 300'): as_pixels(np.full((8, 8, 3), 300, dtype))
