"""Tables of records: sources, splits, vocabulary, filters, buckets, shards, manifest."""
