"""Inference with a checkpoint: on any image, on a split of the data set, and its attention maps."""
