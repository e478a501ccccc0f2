"""Neural networks: encoders, decoders, the encoder-decoder model, and presets of published architectures.

Shape letters: B batch, H W image height and width in pixels, P grid positions, D features, T tokens, V vocabulary.
"""
