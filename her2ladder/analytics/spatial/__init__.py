"""Spatial kernels: cell coordinates, classes and outlines in, per-cell and per-slide values out; arrays only, no store."""
