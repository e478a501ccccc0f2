"""Pixels: uint8 arrays (H, W), 255 is paper and 0 is ink."""
