"""Draw the diagrams of nbs/images, the method on one line and its training: python tools/diagrams.py [FOLDER]"""
import sys
from pathlib import Path

OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent/'nbs'/'images'
ONCE, EACH, DATA, LOSS, INK = '#dbe9f6', '#fde3cf', '#ffffff', '#e3f1dd', '#333333'
sub = lambda x: f'<tspan dy="4" font-size="75%">{x}</tspan><tspan dy="-4">&#8203;</tspan>'
I_S, I_D = (f'I{sub(x)}' for x in 'sd')
M_S, M_D = (f'M({i})' for i in (I_S, I_D))


def box(x, y, w, h, title, note='', fill=DATA):
    "A rounded box with a title and a smaller line."
    lines = f'<text x="{x + w/2}" y="{y + h/2 + (-3 if note else 5)}" class="t">{title}</text>'
    if note: lines += f'<text x="{x + w/2}" y="{y + h/2 + 14}" class="n">{note}</text>'
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="7" fill="{fill}" stroke="{INK}"/>{lines}'


def arrow(*points, label='', at=None):
    "A line through points, with a head at the last one."
    path = 'M' + ' L'.join(f'{x},{y}' for x, y in points)
    text = f'<text x="{at[0]}" y="{at[1]}" class="n">{label}</text>' if label else ''
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.4" marker-end="url(#head)"/>{text}'


def planes(x, y, note, fill=ONCE):
    "Three tilted squares."
    one = lambda dx, dy: f'<path d="M{x + dx},{y + dy} l44,-16 l0,44 l-44,16 z" fill="{fill}" stroke="{INK}"/>'
    return ''.join(one(k*13, k*7) for k in range(3)) + f'<text x="{x + 34}" y="{y - 26}" class="n">{note}</text>'


PIPELINE = [
    # once
    box(14, 40, 96, 52, 'portrait', I_S), arrow((110, 66), (138, 66)), box(140, 40, 74, 52, 'E', 'encoder', ONCE),
    arrow((214, 66), (244, 66)), planes(248, 44, 'three planes: f and m of any point'),
    arrow((326, 66), (380, 66)), box(382, 40, 118, 52, 'read', 'at points on rays', ONCE),
    arrow((500, 55), (604, 55), label='feature f', at=(548, 48)), arrow((470, 92), (470, 196), label='basis m', at=(442, 150)),
    # each frame
    box(14, 196, 96, 52, 'driver', I_D), arrow((110, 222), (138, 222)), box(140, 196, 74, 52, 'M', 'motion', EACH),
    arrow((62, 92), (62, 140), (177, 140), (177, 194)), arrow((214, 222), (398, 222), label=f'codes {M_S} and {M_D}', at=(306, 214)),
    box(400, 196, 112, 52, 'Ψ', 'motion decoder', EACH), arrow((512, 222), (622, 222), (622, 73), label='residual of f', at=(568, 214)),
    f'<circle cx="622" cy="55" r="16" fill="{EACH}" stroke="{INK}"/><text x="622" y="61" class="t">+</text>',
    arrow((638, 55), (668, 55)), box(670, 29, 88, 52, 'Φ', 'decoder', EACH), arrow((758, 55), (784, 55)),
    box(786, 29, 100, 52, 'Gaussians', '3D, thousands', EACH), arrow((836, 81), (836, 194)),
    box(786, 196, 100, 52, 'splat', 'from a camera', EACH), arrow((886, 222), (904, 222)), box(906, 196, 66, 52, 'picture'),
    # legend
    f'<rect x="14" y="292" width="16" height="16" fill="{ONCE}" stroke="{INK}"/><text x="38" y="305" class="l">once for a person</text>',
    f'<rect x="400" y="292" width="16" height="16" fill="{EACH}" stroke="{INK}"/><text x="424" y="305" class="l">for every frame: equation 2, Φ(f + Ψ(m, {M_S}, {M_D}))</text>',
]
TRAINING = [
    # data, left
    box(14, 40, 110, 52, 'source', f'{I_S}, a portrait'), arrow((124, 66), (150, 66)), box(152, 40, 60, 52, 'E', 'learns', EACH),
    arrow((212, 66), (236, 66)), planes(240, 44, 'planes', DATA),
    box(14, 196, 110, 52, 'driver', f'{I_D}, another face'), arrow((124, 222), (150, 222)), box(152, 196, 60, 52, 'M', 'frozen', ONCE),
    arrow((69, 92), (69, 144), (182, 144), (182, 194)), arrow((212, 222), (352, 222), label=f'{M_S}, {M_D}', at=(280, 214)),
    # decode
    arrow((318, 55), (470, 55), label='f', at=(392, 47)), arrow((318, 80), (404, 80), (404, 194), label='m', at=(418, 140)),
    box(354, 196, 100, 52, 'Ψ', 'learns', EACH),
    box(472, 29, 100, 52, 'Φ(f)', 'still, eq. 1', EACH), arrow((442, 55), (442, 150), (520, 150), (520, 194)),
    arrow((454, 222), (470, 222)), box(472, 196, 100, 52, 'Φ(f + δf)', 'moved, eq. 2', EACH),
    # pictures and comparison
    arrow((572, 55), (598, 55)), box(600, 29, 76, 52, 'splat', 'new view'), arrow((572, 222), (598, 222)), box(600, 196, 76, 52, 'splat', 'new view'),
    arrow((676, 55), (778, 55), label='compare', at=(706, 47)), arrow((676, 222), (778, 222), label='compare', at=(706, 214)),
    box(780, 29, 130, 52, 'true picture', 'same face'), box(780, 196, 130, 52, 'true picture', "driver's face"),
    arrow((745, 55), (745, 112)), arrow((745, 222), (745, 168)),
    box(693, 114, 104, 52, 'loss', 'equation 3', LOSS),
    # legend
    f'<rect x="14" y="292" width="16" height="16" fill="{EACH}" stroke="{INK}"/><text x="38" y="305" class="l">learns from the gradient of the loss</text>',
    f'<rect x="330" y="292" width="16" height="16" fill="{ONCE}" stroke="{INK}"/><text x="354" y="305" class="l">trained before, and frozen</text>',
    f'<text x="560" y="305" class="l">source, driver and true pictures show one person</text>',
]
DEFORMING = [
    # local: every Gaussian by itself
    f'<text x="14" y="24" class="l">(a) the paper: each Gaussian asks for itself</text>', planes(20, 70, 'planes, once'), arrow((100, 80), (138, 80)),
    *(f'<circle cx="{150}" cy="{50 + 30*k}" r="7" fill="{ONCE}" stroke="{INK}"/>{arrow((158, 50 + 30*k), (208, 50 + 30*k))}' for k in range(3)),
    box(210, 36, 92, 88, 'Ψ', 'one by one', EACH), box(210, 148, 92, 40, 'codes'), arrow((256, 148), (256, 126)),
    *(f'{arrow((302, 50 + 30*k), (352, 50 + 30*k))}<circle cx="{362}" cy="{50 + 30*k}" r="7" fill="{EACH}" stroke="{INK}"/>' for k in range(3)),
    f'<text x="150" y="136" class="n">bases m</text><text x="362" y="136" class="n">residuals</text>', arrow((372, 80), (400, 80)), box(402, 54, 56, 52, 'Φ', fill=EACH),
    # global: planes rewritten
    f'<text x="500" y="24" class="l">(c) planes rewritten: every patch asks every other</text>', planes(506, 70, 'planes, once'), arrow((586, 80), (622, 80)),
    box(624, 36, 116, 88, 'attention', 'each sees all', EACH), box(624, 148, 116, 40, 'codes'), arrow((682, 148), (682, 126)),
    arrow((740, 80), (768, 80)), planes(774, 70, 'new, for each frame', EACH), arrow((854, 80), (880, 80)), box(882, 54, 84, 52, 'read, Φ', fill=EACH),
]
STYLE = ('<style>text{font-family:Helvetica,Arial,sans-serif;fill:#222} .t{font-size:15px;text-anchor:middle} .n{font-size:11.5px;text-anchor:middle} '
         '.l{font-size:12.5px}</style>')
HEAD = f'<defs><marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto"><path d="M0,0 L9,4 L0,8 z" fill="{INK}"/></marker></defs>'


def write(name, parts, label, w=980, h=330):
    (OUT/name).write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" role="img" aria-label="{label}">'
                          f'{STYLE}{HEAD}<rect width="{w}" height="{h}" fill="white"/>{"".join(parts)}</svg>\n')


def here(x, y, w, h):
    "You are here."
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="14" fill="none" stroke="#c0392b" stroke-width="3" stroke-dasharray="7 5"/>'


HERE = {1: [(778, 20, 116, 70)], 2: [(778, 20, 116, 70), (778, 186, 199, 72)], 3: [(134, 3, 376, 125)], 4: [(374, 30, 134, 72), (662, 20, 232, 70)],
        5: [(134, 186, 390, 72), (598, 30, 48, 50)]}
write('pipeline.svg', PIPELINE, 'From a portrait and a driver to a picture')
for k, rings in HERE.items(): write(f'pipeline-{k}.svg', [*PIPELINE, *(here(*r) for r in rings)], f'From a portrait and a driver to a picture; station {k} is marked')
write('training.svg', TRAINING, 'One step of training', w=924)
write('deforming.svg', DEFORMING, 'Figure 4: residuals of single Gaussians, or planes rewritten as a whole', h=204)
