"""Does the bundled checkpoint do better on people it was trained on? python tools/seen.py heads

`heads` holds shards of training identities (see the `seen` of the checkpoint's card). Measures still, driven and driven
from aside, as notebook 57 does, on them and on the published test split, and writes nbs/results/seen.json.
"""
import json, sys
from pathlib import Path
from instant4d import load_model
from instant4d.avatar import checksum
from instant4d.data import Heads, sample_shard
from instant4d.training import held_out

model, seen, rows = load_model(), Heads(sys.argv[1:]), {}
was = [p['identity'] for p in seen.people]
if strangers := [i for i in was if not any(a <= i < b for a, b in model.about['trained']['seen'])]:
    sys.exit(f'{sys.argv[1]}: identity {strangers[0]} was not trained on; render some of {model.about["trained"]["seen"]}')
for name, heads in (('trained on', seen), ('never seen', Heads(sample_shard()))): rows[name] = [round(v, 3) for v in held_out(model, heads, 1)]
about = dict(command='python tools/seen.py heads', checkpoint=checksum(dict(model.state_dict())), people=was, renderer=seen.versions)
path = Path(__file__).resolve().parent.parent/'nbs'/'results'/'seen.json'
path.write_text(json.dumps(about | dict(rows=rows), indent=1) + '\n'); print(rows)
