"""Predictions to numbers; knows nothing of the model."""
