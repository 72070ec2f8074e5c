"""PLY files of other programs: formats, types, comments and elements as they write them; point clouds; hostile headers."""

import numpy as np, pytest, torch
from instant4d.splatting.cameras import Camera
from instant4d.splatting.api import splat
from instant4d.splatting.gaussians import Gaussians
from instant4d.splatting.kernels import random_scene
from instant4d.splatting.ply import PLY_FIELDS, read_vertices

torch.manual_seed(0)
G = Gaussians(torch.randn(7, 3), torch.randn(7, 4), torch.rand(7, 3) + .1, torch.rand(7)*.8 + .1, torch.rand(7, 3))

@pytest.fixture(scope='module')
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp('ply')/'a.ply'; G.save_ply(path); return read_vertices(path.read_bytes())

def forged(table, form='binary_little_endian', kind='float', end='\n', before=(), behind=(), extra=b''):
    "Another program's file of the same Gaussians."
    code = {'float':'f4', 'double':'f8', 'float32':'f4', 'float64':'f8'}[kind]
    names = [k for k in PLY_FIELDS if k[0] != 'n']
    head = ['ply', f'format {form} 1.0', 'comment by somebody', *before, 'element vertex 7', 'obj_info none',
            *(f'property {kind} {k}' for k in names), *behind, 'comment at the end', 'end_header']
    rows = np.stack([table[k] for k in names], -1)
    if form == 'ascii': body = end.join(' '.join(f'{v:.9g}' for v in r) for r in rows).encode()
    else: body = rows.astype({'binary_little_endian':'<', 'binary_big_endian':'>'}[form] + code).tobytes()
    return end.join([*head, '']).encode() + extra + body

WAYS = {'big endian':dict(form='binary_big_endian'), 'text':dict(form='ascii'), 'text of Windows':dict(form='ascii', end='\r\n'),
        'Windows':dict(end='\r\n'), 'doubles':dict(kind='float64'), 'big doubles':dict(form='binary_big_endian', kind='double'),
        'faces behind':dict(behind=['element face 3', 'property list uchar int vertex_indices']),
        'a camera before':dict(before=['element camera 2', 'property int8 a', 'property uint32 b'], extra=bytes(10))}

@pytest.mark.parametrize('way', WAYS)
def test_as_others_write_it(way, table, tmp_path):
    (tmp_path/'a.ply').write_bytes(forged(table, **WAYS[way])); got = Gaussians.load_ply(tmp_path/'a.ply')
    for a, b in zip(vars(got).values(), vars(G).values()): assert (a - b).abs().max() < 1e-5

@pytest.mark.parametrize('colour', [None, 'uchar', 'float'])
def test_point_clouds(colour, tmp_path):
    x = np.random.default_rng(0).random((50, 3)).astype('<f4'); x[:, 2] = 0
    kinds = [(k, '<f4') for k in 'xyz'] + [(k, {'uchar':'u1', 'float':'<f4'}.get(colour)) for k in ('red', 'green', 'blue')]*bool(colour)
    rows = np.zeros(50, kinds)
    for k, v in zip('xyz', x.T): rows[k] = v
    if colour: rows['red'] = 255 if colour == 'uchar' else 1
    head = ['ply', 'format binary_little_endian 1.0', 'element vertex 50', *(f'property float {k}' for k in 'xyz')]
    head += [f'property {colour} {k}' for k in ('red', 'green', 'blue')]*bool(colour)
    (tmp_path/'a.ply').write_bytes('\n'.join([*head, 'end_header', '']).encode() + rows.tobytes())
    g = Gaussians.load_ply(tmp_path/'a.ply')
    assert (g.means - torch.tensor(x)*torch.tensor([1, -1, -1])).abs().max() < 1e-6 and .02 < g.scales.mean() < .2
    assert (g.colors - (torch.tensor([1., 0, 0]) if colour else .5)).abs().max() < 1e-6

def test_one_point(tmp_path):
    (tmp_path/'a.ply').write_text('ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n1 2 3\n')
    assert Gaussians.load_ply(tmp_path/'a.ply').means.tolist() == [[1, -2, -3]]

def head(*lines, body=b''): return '\n'.join(['ply', *lines, 'end_header', '']).encode() + body

XYZ = [f'property float {k}' for k in 'xyz']; LE = 'format binary_little_endian 1.0'
HOSTILE = {'a billion rows':(head(LE, 'element vertex 1000000000000', *XYZ), 'cut off, 0 of'), 'a billion lines':(head('format ascii 1.0', 'element vertex 1000000000000', *XYZ), 'cut off, 0 of'),
           'many before':(head(LE, 'element x 1000000000000', 'property double a', 'element vertex 2', *XYZ), 'cut off, 0 of 2'), 'less than none':(head(LE, 'element vertex -5', *XYZ), 'zero Gaussians'),
           'no format':(head('element vertex 2', *XYZ), 'header is damaged'), 'half a line':(head(LE, 'element', *XYZ), 'header is damaged'), 'a property first':(head(LE, *XYZ), 'header is damaged'),
           'strange type':(head(LE, 'element vertex 2', 'property quad x'), 'header is damaged'), 'twice':(head(LE, 'element vertex 2', *XYZ, 'property float x'), ''),
           'lists':(head(LE, 'element vertex 2', 'property list uchar int x'), 'not plain numbers'), 'only faces':(head(LE, 'element face 2', 'property int a'), 'no vertices'),
           'words':(head('format ascii 1.0', 'element vertex 1', *XYZ, body=b'a b c\n'), 'damaged'), 'short line':(head('format ascii 1.0', 'element vertex 2', *XYZ, body=b'1 2 3\n4 5\n'), 'damaged'),
           'no end':(b'ply\n' + b'comment x\n'*200_000, 'cut off in its header'), 'nan':(head('format ascii 1.0', 'element vertex 1', *XYZ, body=b'nan 0 0\n'), 'NaN'),
           'no places':(head('format ascii 1.0', 'element vertex 1', *XYZ[:2], body=b'1 2\n'), 'lacks z'), 'compressed':(head(LE, 'element chunk 1', 'property float min_x', 'element vertex 1', 'property uint packed_position', body=bytes(8)), 'compressed')}

@pytest.mark.parametrize('kind', HOSTILE)
def test_one_line(kind, tmp_path):
    data, why = HOSTILE[kind]; (tmp_path/'a.ply').write_bytes(data)
    with pytest.raises(ValueError) as e: Gaussians.load_ply(tmp_path/'a.ply')
    said = str(e.value); assert 'a.ply: ' in said and why in said and '\n' not in said

def test_pruned(tmp_path):
    "What is left out was nowhere drawn: the picture is the same, the file smaller."
    g = random_scene(400); g.opacities = g.opacities.clamp(min=.1); g.opacities[::2] = .003
    for name, prune in (('all', False), ('seen', True)): g.save_ply(tmp_path/name, prune=prune)
    a, b = (Gaussians.load_ply(tmp_path/name) for name in ('all', 'seen'))
    assert (a.n, b.n) == (400, 200)
    assert (splat(a, Camera.look(), 64).image - splat(b, Camera.look(), 64).image).abs().max() < 1e-6
