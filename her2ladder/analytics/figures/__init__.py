"""Figures fit for a journal: numbers that others have computed in, a matplotlib Figure out."""
