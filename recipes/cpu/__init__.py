"""Long training on a processor, in resumable runs."""
