"""A training of at most ten minutes on a lent accelerator with no TeX and no network: see recipes/README.md."""
