"""LaTeX formulas: parser, normalizer, extraction from papers, random formulas and the automaton."""
