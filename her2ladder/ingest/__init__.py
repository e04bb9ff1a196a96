"""Bytes from outside in, rows of one contract out: one file a source format."""
