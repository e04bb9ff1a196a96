"""Masks of nuclei: HoVer-Net's maps made from them, and how well two of them agree (F1 and panoptic quality at IoU 0.5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Ints = NDArray[np.int32]


class Agreement(NamedTuple):
    """Matched pairs (IoU > 0.5, so each nucleus has at most one), the sum of their IoU, and the nuclei of truth and answer."""

    matched: int
    iou: float
    n_true: int
    n_found: int

    @property
    def f1(self) -> float:
        return 2 * self.matched / (self.n_true + self.n_found) if self.n_true + self.n_found else 1.0

    @property
    def pq(self) -> float:
        both = (self.n_true + self.n_found) / 2
        return self.iou / both if both else 1.0

    def __add__(self, other: tuple[object, ...]) -> Agreement:  # type: ignore[override]
        return Agreement(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[operator]


def agreement(truth: Ints, found: Ints) -> Agreement:
    """Compare two maps of instances (H, W), 0 = background."""
    a, b = (np.unique(m, return_inverse=True)[1].reshape(m.shape) + (0 if (m == 0).any() else 1) for m in (truth, found))
    n, m = int(a.max()), int(b.max())
    both = np.bincount(a.ravel().astype(np.int64) * (m + 1) + b.ravel(), minlength=(n + 1) * (m + 1)).reshape(n + 1, m + 1)
    union = both.sum(1, keepdims=True) + both.sum(0, keepdims=True) - both
    iou = (both / np.maximum(union, 1))[1:, 1:]
    return Agreement(int((iou > 0.5).sum()), float(iou[iou > 0.5].sum()), n, m)


def offsets(instances: Ints) -> NDArray[np.float32]:
    """Return (H, W, 2) h and v: for each nucleus its pixels' distance from the centre, -1 at one side and 1 at the other.

    source   HoVer-Net, gen_instance_hv_map: each side of the centre is scaled by its own greatest distance
    """
    out = np.zeros((*instances.shape, 2), dtype=np.float32)
    for i, box in enumerate(ndimage.find_objects(instances)):
        if box is None:
            continue
        inside = instances[box] == i + 1
        y, x = np.nonzero(inside)
        for axis, v in ((0, x), (1, y)):
            d = v - np.floor(v.mean() + 0.5)
            d = np.where(d < 0, d / max(-d.min(), 1), d / max(d.max(), 1))
            out[box][y, x, axis] = d
    return out


def maps_of(instances: Ints, types: Ints | None = None) -> NDArray[np.float32]:
    """Return (H, W, 4) the maps that a faultless network would give for a mask: type, P(nucleus), h, v."""
    kinds = np.zeros(instances.shape) if types is None else types
    return np.dstack([kinds, instances > 0, offsets(instances)]).astype(np.float32)
