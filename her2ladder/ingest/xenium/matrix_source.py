"""Where the counts of a section are: in an AnnData file, in the instrument's matrix, or in a table beside the cells."""

from __future__ import annotations

from her2ladder.ingest.readers.xenium_bundle import COUNTS, Bundle
from her2ladder.ingest.xenium.matrix import Matrix, read_bundled
from her2ladder.ingest.xenium.matrix_tables import read_counts, read_h5ad


def read_matrix(bundle: Bundle) -> Matrix | None:
    """Return the counts of a section; None where it has none.

    raises   InputError where the file is damaged
    """
    if bundle.h5ad is not None:
        return read_h5ad(bundle, bundle.h5ad)
    found = read_bundled(bundle)
    counts = bundle.first(*COUNTS)
    return read_counts(bundle, counts) if found is None and counts is not None else found
