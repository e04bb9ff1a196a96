"""The palette is measured: colours of one stain stay apart for every kind of colour vision and show on white and on dark."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from her2ladder.analytics.figures import palette
from her2ladder.schema.vocabulary import BANDS, CLASSES, OTHER, ROLES

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISION: dict[str, list[list[float]]] = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> NDArray[np.float64]:
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bjoern Ottosson's OKLab of linear RGB."""
    lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    lab = [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
    return np.asarray(np.array(lab) @ np.cbrt(np.array(lms) @ np.clip(rgb, 0, 1)))


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("stain", CLASSES)
def test_two_classes_of_a_stain_never_look_alike(stain: str, vision: str) -> None:
    seen = {c: oklab(np.array(VISION[vision]) @ linear(h)) for c, h in palette.class_colours((*CLASSES[stain], OTHER)).items()}
    closest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(seen, 2))
    assert closest[0] >= 0.11, closest


@pytest.mark.parametrize("vision", VISION)
def test_two_bands_never_look_alike(vision: str) -> None:
    seen = [oklab(np.array(VISION[vision]) @ linear(h)) for h in palette.band_colours(BANDS).values()]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) >= 0.2


def test_every_class_shows_on_white_and_on_the_dark_page() -> None:
    for name, colour in palette.CLASS_COLOURS.items():
        light = luminance(colour) + 0.05
        assert 1.05 / light >= 2.2, name
        assert light / (luminance("#12161b") + 0.05) >= 2.2, name


def test_the_palette_covers_the_vocabulary() -> None:
    assert set(palette.CLASS_COLOURS) == {c for classes in CLASSES.values() for c in classes} | {OTHER}
    assert tuple(palette.BAND_COLOURS) == BANDS
    assert tuple(palette.ROLE_COLOURS) == ROLES


def test_unknown_names_get_colours_that_the_list_has_free_in_the_order_given() -> None:
    got = palette.class_colours(["CD8", "Tumor", "CD4", "CD8"])
    assert list(got) == ["CD8", "Tumor", "CD4"]
    assert len(set(got.values())) == 3
    assert got["Tumor"] == palette.CLASS_COLOURS["Tumor"]
    assert palette.regimen_colours(["THP", "x"])["x"] != palette.REGIMEN_COLOURS["THP"]


def test_more_names_than_colours_still_each_get_one() -> None:
    names = [f"c{i}" for i in range(40)]
    assert set(palette.class_colours(names)) == set(names)
    assert set(palette.cohort_colours(names)) == set(names)
