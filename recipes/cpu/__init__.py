"""Training of days on a processor, in stretches of any length."""
