"""Normalization rules: one function per rule, by topic, and the table that orders them."""
