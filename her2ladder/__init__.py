"""LADDER: spatial analytics of HER2-positive breast cancer over one store of cells."""
