"""Child processes with limits on time, memory, files and system calls."""
