"""Images to LaTeX with a trained checkpoint."""
