"""The nouns that flow between stages, with the Parquet schema of each."""
