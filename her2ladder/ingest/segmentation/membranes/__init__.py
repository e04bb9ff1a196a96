"""How is each cell's membrane stained? HER2 cells of a tile, with numbers from which SQL makes the five classes.

For callers (contract)::

    from her2ladder.ingest.segmentation.membranes import MembraneSettings, segment_tile, white_of
    white = white_of(thumbnail_rgb)                              # once a slide, never a tile
    cells = segment_tile(rgb, mpp, white, factor, settings)      # -> MembraneCells

rgb        (H, W, 3) uint8, alpha already composited on white
mpp        micrometres per pixel of `rgb`, one number (square pixels)
white      (3,) brightness 0..255 of unstained glass on this slide
factor     c of the batch's calibration; 1.0 where there is none
settings   MembraneSettings(); `asdict` of it belongs into the manifest's parameters
nuclei     optional (H, W) int32, 0 = background: nuclei of a network take the place of ours

MembraneCells, one element a cell, in the order of the nucleus's topmost, then leftmost pixel::

    x_px, y_px         (n,) float64  centroid of the nucleus, tile pixels, pixel centres at whole numbers
    contours           n arrays (k, 2) float64  outline of the cell (its membrane), x and y, open ring
    nuclei             n arrays (k, 2) int32    outline of the nucleus, likewise
    completeness       (n,) float32  share of the outline with stain >= settings.point_od * factor
    membrane_od        (n,) float32  mean DAB optical density of that share; NaN where there is none
    mean_od            (n,) float32  mean DAB optical density of the whole outline
    gap_um             (n,) float32  longest stretch of the outline without stain
    cytoplasm_od       (n,) float32  median DAB optical density between nucleus and membrane; NaN where nothing lies between
    classes(factor)    -> n words of the stain HER2, under the thresholds of decision 0035

For a stage that writes such cells into a store: `calibration.factor_of(store, name)` is c; `reclass.current(store)` the thresholds for
`classes(factor, thresholds)`; `CellSource(calibration=name, calibration_factor=c)` puts both into every row; `readers.base.MEMBRANE` are
the columns: completeness -> membrane_completeness, mean_od -> membrane_mean_od, gap_um -> membrane_gap_um. Cells outside of the tumour get
the class Other, which every view of HER2 classes leaves out.

Optical densities are stored as measured: not divided by `factor`. A tile needs a margin of 20 um for cells to be whole: a caller that
cuts a slide keeps the cells whose centroid it owns. Importing this module imports neither scikit-image nor OpenCV.
"""

from her2ladder.ingest.segmentation.membranes.cells import MembraneCells, MembraneSettings
from her2ladder.ingest.segmentation.membranes.colour import white_of
from her2ladder.ingest.segmentation.membranes.tile import segment_tile

__all__ = ["MembraneCells", "MembraneSettings", "segment_tile", "white_of"]
