"Training: the motion encoder, judges, losses, the adversary, optimisers, checkpoints, and the loop."
