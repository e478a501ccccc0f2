"""Inference with a checkpoint: on any image, on a split of the dataset, and its attention maps."""
