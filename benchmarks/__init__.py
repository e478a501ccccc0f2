"""Benchmarks on real input, run by hand; the results that the documentation quotes are committed in results/."""
