"Labelled heads: the files, the people in them, the samples that training draws, and importing your own."
