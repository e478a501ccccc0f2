"""Strings in, strings out: the grammar, the parser, the rules and the normalizer."""
