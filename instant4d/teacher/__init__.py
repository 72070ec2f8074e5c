"The renderer of labelled heads: a morphable model, its skin, its hair, its light."
