"""Recipes: long trainings, the datasets they use, and the release of a checkpoint."""

import im2latex.training  # noqa: F401  before torch: it sets how OpenMP threads wait
