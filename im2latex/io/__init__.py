"""Files: atomic writes, hashes, bounded gzip streams, the artifact manifest."""
