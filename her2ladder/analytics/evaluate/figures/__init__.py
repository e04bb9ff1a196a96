"""The figures of an evaluation, a file each."""
