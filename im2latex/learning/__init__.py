"""Where torch lives: batches, encoders, decoders, search, checkpoint, the loop."""
