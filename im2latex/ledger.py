"""What came in, what was kept, why the rest was dropped."""
