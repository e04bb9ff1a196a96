"""HoVer-Net's maps to nuclei: the original's steps and numbers, without its Python loop over the whole tile.

Preset `hovernet` is the original's; `scmtop` is the copy that sc-MTOP (FUSCC) uses: a smaller Sobel kernel and smaller objects.

source   vqdang/hover_net models/hovernet/post_proc.py; fuscc-deep-path/sc_MTOP Hover/models/hovernet/post_proc.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from her2ladder.errors import InputError
from her2ladder.ingest.segmentation.extra import needs_extra

Ints = NDArray[np.int32]


class Preset(NamedTuple):
    """sobel: size of the kernel; min_px: smaller objects and markers are dropped."""

    sobel: int
    min_px: int


PRESETS = {"hovernet": Preset(21, 10), "scmtop": Preset(11, 4)}


@dataclass(frozen=True)
class Nuclei:
    """Nuclei of one tile, in order of their number in the map.

    number       (n,) value in the map of instances; numbers may have gaps
    centroid     (n, 2) x, y: mean of the pixels
    contours     n arrays (k, 2) of x, y: pixel centres, an open ring
    type         (n,) most frequent type of the pixels that is not the background, if there is one
    type_share   (n,) share of the nucleus's pixels that have it
    """

    number: NDArray[np.int64]
    centroid: NDArray[np.float64]
    contours: list[Ints]
    type: NDArray[np.int64]
    type_share: NDArray[np.float64]


def post_process(maps: NDArray[Any], n_types: int | None, preset: str = "hovernet") -> tuple[Ints, dict[int, dict[str, Any]]]:
    """Return the map of instances (H, W), 0 = background, and number -> {centroid [x, y], contour [[x, y], …], type, type_prob}.

    maps      (H, W, 4): type, P(nucleus), h, v; or (H, W, 3) without type where n_types is None
    n_types   types with the background; None = none: type is 0 and type_prob 0.0 then
    preset    hovernet | scmtop
    raises    InputError: no such preset, or maps of another shape or with values that are not finite
    source    segmentation.md, "Post-processing"; nuclei whose contour has fewer than 3 points are in the map alone, as in the original
    """
    instances, nuclei = find_nuclei(maps, n_types, preset)
    found = {
        int(number): {
            "centroid": nuclei.centroid[i].tolist(),
            "contour": nuclei.contours[i].tolist(),
            "type": int(nuclei.type[i]),
            "type_prob": float(nuclei.type_share[i]),
        }
        for i, number in enumerate(nuclei.number)
    }
    return instances, found


def find_nuclei(maps: NDArray[Any], n_types: int | None, preset: str = "hovernet") -> tuple[Ints, Nuclei]:
    """Return what post_process does, as arrays."""
    if preset not in PRESETS:
        raise InputError(f"no preset called {preset!r}; there is {', '.join(PRESETS)}")
    maps = np.asarray(maps)
    if maps.ndim != 3 or maps.shape[2] not in ((3, 4) if n_types is None else (4,)):
        raise InputError(f"HoVer-Net maps: wanted shape (H, W, 4) = type, P(nucleus), h, v, found {maps.shape}")
    fields = np.array(maps[..., -3:], dtype=np.float32)
    if not np.isfinite(fields).all():
        raise InputError("HoVer-Net maps: wanted finite numbers, found NaN or infinity: the weights of the network are damaged")
    instances = _instances(fields, PRESETS[preset])
    types = None if n_types is None else maps[..., 0].astype(np.int32)
    return instances, _nuclei(instances, types)


def _instances(fields: NDArray[np.float32], preset: Preset) -> Ints:
    """Return the map of instances: watershed on the steepness of the distance maps, from where they are flat.

    fields   (H, W, 3) P(nucleus), h, v
    """
    cv2, segmentation = needs_extra("cv2"), needs_extra("skimage.segmentation")
    from scipy import ndimage

    def scaled(values: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(cv2.normalize(values, None, alpha=0, beta=1, norm_type=cv2.NORM_MINMAX, dtype=cv2.CV_32F))

    is_nucleus = (without_small(ndimage.label(fields[..., 0] >= 0.5)[0], preset.min_px) > 0).astype(np.int32)
    across = cv2.Sobel(scaled(fields[..., 1]), cv2.CV_64F, 1, 0, ksize=preset.sobel)
    down = cv2.Sobel(scaled(fields[..., 2]), cv2.CV_64F, 0, 1, ksize=preset.sobel)
    # float64 from here on, as int32 - float32 is in the original: ties in the watershed depend on it
    edge = np.maximum(1 - scaled(across), 1 - scaled(down)) - (1 - is_nucleus)
    edge[edge < 0] = 0
    energy = -cv2.GaussianBlur((1.0 - edge) * is_nucleus, (3, 3), 0)
    marker = np.maximum(is_nucleus - (edge >= 0.4), 0)
    marker = ndimage.binary_fill_holes(marker).astype(np.uint8)
    marker = cv2.morphologyEx(marker, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    markers = without_small(ndimage.label(marker)[0], preset.min_px)
    return np.asarray(segmentation.watershed(energy, markers=markers, mask=is_nucleus), dtype=np.int32)


def without_small(labels: Ints, min_px: int) -> Ints:
    """Return the labels with those of fewer than min_px pixels set to 0; the others keep their numbers."""
    keep = np.bincount(labels.ravel()) >= min_px
    keep[0] = False
    return np.where(keep[labels], labels, 0).astype(np.int32)


def _nuclei(instances: Ints, types: Ints | None) -> Nuclei:
    """Measure the instances; those whose contour has fewer than 3 points are left out."""
    cv2 = needs_extra("cv2")
    from scipy import ndimage

    boxes = ndimage.find_objects(instances)
    numbers, contours, corners = [], [], []
    for i, box in enumerate(boxes):
        if box is None:
            continue
        crop = (instances[box] == i + 1).astype(np.uint8)
        contour = cv2.findContours(crop, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0][0][:, 0, :]
        if len(contour) < 3:
            continue
        corner = (box[1].start, box[0].start)
        numbers.append(i + 1)
        contours.append(contour + np.array(corner, dtype=np.int32))
        corners.append(corner)
    number = np.array(numbers, dtype=np.int64)
    n_px, centroid = _centroids(instances, number, np.array(corners, dtype=np.int64).reshape(-1, 2))
    kind, share = _kinds(instances, types, number, n_px)
    return Nuclei(number, centroid, contours, kind, share)


def _centroids(instances: Ints, number: NDArray[np.int64], corner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) pixels and (n, 2) centroids; sums are whole numbers from the box's corner, as cv2.moments of the crop has them."""
    y, x = np.nonzero(instances)
    of = instances[y, x]
    n_px = np.bincount(of, minlength=1)
    sums = np.column_stack([np.bincount(of, weights=v, minlength=1) for v in (x, y)])[number]
    n = n_px[number]
    return n, (sums - corner * n[:, None]) / n[:, None] + corner


def _kinds(
    instances: Ints, types: Ints | None, number: NDArray[np.int64], n_px: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) type and its share of the pixels; ties go to the smaller type, the background gives way to the next type."""
    if types is None or not len(number):
        return np.zeros(len(number), dtype=np.int64), np.zeros(len(number))
    inside = instances > 0
    kinds = types[inside].astype(np.int64)
    if kinds.min() < 0:
        raise InputError(f"HoVer-Net maps: wanted types from 0, found {kinds.min()}")
    width = int(kinds.max()) + 1
    counts = np.bincount(instances[inside] * np.int64(width) + kinds, minlength=(int(instances.max()) + 1) * width)
    counts = counts.reshape(-1, width)[number]
    kind = counts.argmax(axis=1)
    other = counts[:, 1:].argmax(axis=1) + 1 if width > 1 else kind
    has_other = counts[:, 1:].any(axis=1)
    kind = np.where((kind == 0) & has_other, other, kind)
    return kind, counts[np.arange(len(kind)), kind] / (n_px + 1.0e-6)
