"""Stages over the store, and pure kernels: arrays in, arrays out."""
