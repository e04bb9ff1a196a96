"""In-situ transcriptomics in: a Xenium bundle's cells, outlines and counts, and the cell types that are told from them."""
