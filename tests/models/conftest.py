"""Fixtures of the toy dataset and its model, shared by the tests of all packages that use torch."""

from tests.toy_fixtures import model, network, recipe, shards, values, vocabulary

__all__ = ["model", "network", "recipe", "shards", "values", "vocabulary"]
