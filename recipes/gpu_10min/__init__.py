"""Training of at most ten minutes on one accelerator without TeX or network: see recipes/README.md."""
