"""One file a source format: bytes in, batches of cells out."""
