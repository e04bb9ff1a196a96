"""The rival: the plain algorithm of segmentation.md. Same colours and nuclei; the outline is where a watershed on DAB ends, a point is stained by the most DAB within 1.5 um."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from her2ladder.ingest.segmentation.membranes import MembraneCells, MembraneSettings
from her2ladder.ingest.segmentation.membranes.colour import unmix
from her2ladder.ingest.segmentation.membranes.nuclei import find_nuclei
from her2ladder.ingest.segmentation.membranes.tile import _numbered

REACH_UM, BESIDE_UM, STEP_UM = 6.0, 1.5, 0.5


def plain(rgb: NDArray[np.uint8], mpp: float, white: NDArray[np.float64], factor: float = 1.0) -> MembraneCells:
    import cv2
    from scipy import ndimage
    from skimage.segmentation import watershed

    told = MembraneSettings()
    h, d = unmix(rgb, white, told.haematoxylin, told.dab)
    nuclei, centres, rings = _numbered(find_nuclei(h, d, mpp, told))
    smooth = cv2.GaussianBlur(d, (0, 0), 0.3 / mpp)
    far = ndimage.distance_transform_edt(nuclei == 0) * mpp
    labels = watershed(np.maximum(smooth - 0.10, 0) + 0.03 * far, nuclei, mask=far <= REACH_UM)
    n = len(centres)
    out = {name: np.full(n, np.nan, np.float32) for name in ("completeness", "od", "mean")}
    for i, box in enumerate(ndimage.find_objects(labels, n)):
        mask = np.pad((labels[box] == i + 1).astype(np.uint8), 1)
        ring = max(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)[:, 0] + [box[1].start - 1, box[0].start - 1]
        along = np.r_[0, np.cumsum(np.hypot(*np.diff(np.vstack([ring, ring[:1]]), axis=0).T))] * mpp
        at = np.arange(0, along[-1], STEP_UM)
        points = np.column_stack([np.interp(at, along, np.r_[ring[:, k], ring[0, k]]) for k in (0, 1)])
        tangent = ndimage.gaussian_filter1d(np.roll(points, -1, 0) - np.roll(points, 1, 0), 1, axis=0, mode="wrap")
        normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
        offsets = np.arange(-BESIDE_UM, BESIDE_UM + 0.1, 0.25) / mpp
        places = points[:, None] + normal[:, None] * offsets[None, :, None]
        most = ndimage.map_coordinates(d, [places[..., 1], places[..., 0]], order=1, mode="nearest").max(axis=1)
        stained = most >= told.point_od * factor
        out["completeness"][i], out["mean"][i] = stained.mean(), most.mean()
        out["od"][i] = most[stained].mean() if stained.any() else np.nan
    return MembraneCells(centres[:, 0], centres[:, 1], out["completeness"], out["od"], out["mean"], out["mean"] * 0, out["mean"] * 0, [], rings)
