"""Recorded faces as phones and spreadsheets write them: rates, gaps, and numbers that mean something else."""

import math
import pytest, torch
from instant4d.explore.driving import TURNS, arkit_name, read_arkit

NAMES = 'jawOpen', 'mouthSmile_L', 'mouthSmile_R'
COLUMNS = ['Timecode', 'BlendShapeCount', *map(arkit_name, NAMES), *TURNS]


def code(k, fps, start=7, per=1)->str:
    "Time code of row k; `per` rows share a frame number."
    s, f = divmod(k + start*per, fps)
    return f'10:{s//60:02}:{s%60:02}:{f//per:02}.{500*(f % per):03}'

def table(tmp_path, times, columns=COLUMNS, change=lambda row: row, comma=',', point='.'):
    "A recording in which the jaw opens from 0 to 1."
    lines = [comma.join(columns)]
    for k, t in enumerate(times):
        row = [t, '61', f'{k/max(1, len(times) - 1):.6f}', '.25', '.5', '.1', '-.1', '0'][:len(columns)]
        lines.append(comma.join(x.replace('.', point) if n else x for n, x in enumerate(change(row))))
    (tmp_path/'a.csv').write_text('\n'.join(lines)); return tmp_path/'a.csv'

@pytest.mark.parametrize('fps', [24, 25, 30, 48, 50, 60])
@pytest.mark.parametrize('seconds', [1.6, 3])
def test_rate(fps, seconds, tmp_path):
    got = read_arkit(table(tmp_path, [code(k, fps) for k in range(round(fps*seconds))]), NAMES)
    assert (got.fps, len(got.coefs)) == (fps, round(fps*seconds))

def test_half_a_second_of_a_phone(tmp_path):
    got = read_arkit(table(tmp_path, [code(k, 60, 0) for k in range(25)]), NAMES)
    assert (got.fps, len(got.coefs)) == (60, 25)

def test_two_rows_for_each_frame_number(tmp_path):
    got = read_arkit(table(tmp_path, [code(k, 60, per=2) for k in range(150)]), NAMES)
    assert (got.fps, len(got.coefs)) == (60, 150)

def test_a_column_of_seconds(tmp_path):
    got = read_arkit(table(tmp_path, [f'{k/30:.4f}' for k in range(40)]), NAMES)
    assert (got.fps, len(got.coefs)) == (30, 40)

def test_the_caller_knows_better(tmp_path):
    assert read_arkit(table(tmp_path, [code(k, 60, 0) for k in range(25)]), NAMES, fps=30).fps == 30

def test_lost_frames_are_filled_in(tmp_path):
    "A third of the rows is gone: as long as before, and the jaw opens as evenly."
    kept = [k for k in range(181) if k % 3 != 1]
    path = table(tmp_path, [code(k, 60) for k in kept], change=lambda r: r)
    lines = path.read_text().splitlines()
    rows = [l.split(',') for l in lines[1:]]
    for k, r in zip(kept, rows): r[2] = f'{k/180:.6f}'
    path.write_text('\n'.join([lines[0], *map(','.join, rows)]))
    got = read_arkit(path, NAMES, fps=60)
    assert len(got.coefs) == 181 and (got.coefs[:, 0] - torch.arange(181)/180).abs().max() < 1e-4

def test_semicolons_and_decimal_commas(tmp_path):
    got = read_arkit(table(tmp_path, [code(k, 30) for k in range(70)], comma=';', point=','), NAMES)
    assert got.coefs[0, 1] == .25 and got.fps == 30

def put(at, value): return lambda row: [*row[:at], value, *row[at+1:]]

WRONG = {'decimal commas between commas':(dict(change=lambda r: [*r[:2], '0', '5', *r[3:]]), 'line 2: 9 values for 8 columns'),
         'percent':(dict(change=put(3, '37')), 'line 2: MouthSmileLeft is 37; coefficients go from 0 to 1'),
         'huge':(dict(change=put(3, '1e38')), 'line 2: MouthSmileLeft is 1e\\+38'), 'degrees':(dict(change=put(5, '12.5')), 'HeadYaw is 12.5; turns are in radians'),
         'a turn is missing':(dict(columns=COLUMNS[:-1], change=lambda r: r[:-1]), 'HeadRoll is missing'),
         'twice':(dict(columns=[*COLUMNS, 'JawOpen'], change=lambda r: [*r, '0']), "column 'jawopen' is there twice")}

@pytest.mark.parametrize('kind', WRONG)
def test_wrong_numbers(kind, tmp_path):
    how, why = WRONG[kind]
    with pytest.raises(ValueError, match=f'a.csv: .*{why}'): read_arkit(table(tmp_path, [code(k, 60) for k in range(70)], **how), NAMES)

def test_lines_are_counted_as_an_editor_does(tmp_path):
    path = table(tmp_path, [code(k, 60) for k in range(5)]); lines = path.read_text().splitlines()
    lines[3] = lines[3].replace('.25', 'x'); path.write_text('\n'.join([lines[0], '', *lines[1:]]))
    with pytest.raises(ValueError, match="line 5: MouthSmileLeft is 'x'"): read_arkit(path, NAMES)

def test_without_turns(tmp_path):
    got = read_arkit(table(tmp_path, [code(k, 60) for k in range(70)], columns=COLUMNS[:5], change=lambda r: r[:5]), NAMES)
    assert got.turns.abs().max() == 0

def test_turns_are_degrees(tmp_path):
    got = read_arkit(table(tmp_path, [code(k, 60) for k in range(70)]), NAMES)
    assert abs(got.turns[0, 0] - math.degrees(.1)) < 1e-4
