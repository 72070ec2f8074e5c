"The paper's method: planes, decoding, motion, and the avatar that is left of a portrait."
from . import playing, baking, refining     # add Avatar.drive (the fast one), .bake and .refine
