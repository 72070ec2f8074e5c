"""Fit the map from named coefficients to motion codes for the bundled weights: python tools/driver.py [FOLDER OF TRAINING SHARDS].

Run it after every change of instant4d/weights/laptop.safetensors; tests/test_widgets.py notices when it was forgotten.
Without a folder it is fitted on data_samples/heads-train.tar. More shards make it steadier."""
import sys
from pathlib import Path
import instant4d
from instant4d import load_model
from instant4d.data import Heads, sample_shard
from instant4d.driving import fit_driver

path = sys.argv[1] if len(sys.argv) > 1 else sample_shard().parent/'heads-train.tar'
heads, out = Heads(path), Path(instant4d.__file__).with_name('weights')/'driver.safetensors'
if any(p['identity'] >= 800_000 for p in heads.people): sys.exit(f'{path}: holds heads of the test split; name training shards')
fit_driver(load_model(), heads, views=2).save(out)
print(f'wrote {out}: {len(heads)} people, {out.stat().st_size/1e3:.0f} KB')
