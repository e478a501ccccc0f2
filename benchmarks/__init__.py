"""Measurements on real input, run by hand; the results that README quotes are committed beside them."""
