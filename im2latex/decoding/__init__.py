"""Decoding: greedy and beam search for token sequences, grammar constraint, and reranking by rendering."""
