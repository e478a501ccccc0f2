"""What the normalizer changes: one small function per rule, by theme, and the table that orders them."""
