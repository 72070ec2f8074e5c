"""Draw nbs/images/pipeline.svg, the method on one line: python tools/pipeline.py [OUT]"""
import sys
from pathlib import Path

OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent/'nbs'/'images'/'pipeline.svg'
ONCE, EACH, DATA, INK = '#dbe9f6', '#fde3cf', '#ffffff', '#333333'
W, H = 980, 330
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


def planes(x, y):
    "Three tilted squares."
    one = lambda dx, dy: f'<path d="M{x + dx},{y + dy} l44,-16 l0,44 l-44,16 z" fill="{ONCE}" stroke="{INK}"/>'
    return ''.join(one(k*13, k*7) for k in range(3)) + f'<text x="{x + 34}" y="{y - 26}" class="n">three planes: f and m of any point</text>'


parts = [
    # once
    box(14, 40, 96, 52, 'portrait', I_S), arrow((110, 66), (138, 66)), box(140, 40, 74, 52, 'E', 'encoder', ONCE),
    arrow((214, 66), (244, 66)), planes(248, 44),
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
STYLE = ('<style>text{font-family:Helvetica,Arial,sans-serif;fill:#222} .t{font-size:15px;text-anchor:middle} .n{font-size:11.5px;text-anchor:middle} '
         '.l{font-size:12.5px}</style>')
HEAD = f'<defs><marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto"><path d="M0,0 L9,4 L0,8 z" fill="{INK}"/></marker></defs>'
OUT.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" role="img" aria-label="From a portrait and a driver to a picture">'
               f'{STYLE}{HEAD}<rect width="{W}" height="{H}" fill="white"/>{"".join(parts)}</svg>\n')
