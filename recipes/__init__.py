"""Whole runs at size on machines that have little: what they need is packed on one machine and unpacked on another."""
