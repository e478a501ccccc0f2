"""From the sources of papers to raw formulas: definitions read, macros expanded, formulas found."""
