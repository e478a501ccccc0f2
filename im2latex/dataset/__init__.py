"""Datasets: readers, source images, splits, vocabulary, filters, buckets, shards, downloads."""
