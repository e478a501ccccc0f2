"""Search for token sequences: greedy, beam, grammar-constrained, reranked by rendering."""
