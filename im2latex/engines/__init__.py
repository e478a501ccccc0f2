"""Engines: what computes a trained network for the searches, PyTorch or ONNX Runtime, behind one interface.

Shape letters: B images, H W height and width in pixels, P grid positions, N formulas decoded at once, T tokens,
V vocabulary.
"""
