"""One short module per DVC stage; stages meet on disk, never in Python."""
