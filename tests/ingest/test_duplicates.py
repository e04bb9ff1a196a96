"""Nuclei that stand in a file twice are found, counted, and dropped or refused on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from her2ladder.errors import InputError
from her2ladder.schema.outlines import decode_outlines, polygons


def _moved(nucleus: dict[str, Any], dx: float, **more: Any) -> dict[str, Any]:
    return {**nucleus, "centroid": [nucleus["centroid"][0] + dx, 50.5], "contour": [[x + dx, y] for x, y in nucleus["contour"]], **more}


def test_twenty_nuclei_written_twice_are_counted_and_dropped_on_request(nuclei: Any, hovernet: Any, read: Any) -> None:
    nuc = nuclei(40)
    path = hovernet({**nuc, **{f"{name}b": _moved(nuc[name], 0.3) for name in list(nuc)[:20]}})
    kept, _ = read(path)
    assert (kept.n_rows, kept.n_duplicates) == (60, 20)
    assert kept.notes == (
        "20 cells repeat a cell of the same class (the first is record 41, which repeats record 1): "
        "they were kept; --duplicates drop leaves them out",
    )
    dropped, rows = read(path, duplicates="drop")
    assert (dropped.n_rows, dropped.n_records, dropped.n_quarantined) == (40, 60, 0)
    assert not [name for name in rows["source_id"].to_pylist() if name.endswith("b")]
    assert dropped.duplicates[0] == ("1b", "repeats record 1, which overlaps it and has its class")
    with pytest.raises(InputError, match=r"20 cells repeat a cell of the same class .*: the slide was refused"):
        read(path, duplicates="refuse")


def test_of_a_cut_nucleus_and_its_whole_the_whole_counts(nuclei: Any, hovernet: Any, read: Any) -> None:
    nuc = nuclei(2)
    cut = {**nuc["1"], "centroid": [93, 50], "contour": [[90, 40], [96, 40], [96, 60], [90, 60]]}
    _, rows = read(hovernet({"cut": cut, **nuc}), duplicates="drop")
    assert sorted(rows["source_id"].to_pylist()) == ["1", "2"]


@pytest.mark.parametrize(("dx", "kind", "n"), [(9, 1, 1), (10, 1, 2), (9, 2, 2)])
def test_more_than_half_of_the_smaller_and_the_same_class(dx: float, kind: int, n: int, nuclei: Any, hovernet: Any, read: Any) -> None:
    """Squares of 20 px: shifted by 9 they share 0.55, by 10 just half."""
    nuc = nuclei(1)
    assert read(hovernet({**nuc, "2": _moved(nuc["1"], dx, type=kind)}), duplicates="drop")[0].n_rows == n


@pytest.mark.parametrize(("dx", "n"), [(0.9, 1), (1.1, 2)])
def test_points_closer_than_a_micrometre_are_one(dx: float, n: int, tmp_path: Path, read: Any) -> None:
    path = tmp_path / "points.csv"
    path.write_text(f"cell_id,cell_class,x_um,y_um\na,Tumor,10,20\nb,Tumor,{10 + dx},20\nc,Lymph,10,20\n")
    assert read(path, label_map="store", duplicates="drop")[0].n_rows == n + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_pairs_are_those_that_all_pairs_find(seed: int, made: Any, tmp_path: Path, read: Callable[..., Any]) -> None:
    """Crowded random outlines over several tiles, runs put aside: the same cells as by comparing each with each."""
    path = tmp_path / "slide.json"
    made.write_hovernet(path, 1500, seed=seed)
    written, rows = read(path, run_bytes=40_000)
    shapes = np.array(polygons(decode_outlines(rows, written.quanta_per_px)))
    classes, ids = rows["cell_class"].to_numpy(), rows["cell_id"].to_numpy()
    i, j = np.triu_indices(len(shapes), 1)
    near = (classes[i] == classes[j]) & shapely.intersects(shapely.envelope(shapes[i]), shapely.envelope(shapes[j]))
    i, j = i[near], j[near]
    area = shapely.area(shapes)
    one = shapely.area(shapely.intersection(shapely.make_valid(shapes[i]), shapely.make_valid(shapes[j]))) > 0.5 * np.minimum(
        area[i], area[j]
    )
    twins: dict[int, set[int]] = {}
    for a, b in zip(i[one].tolist(), j[one].tolist(), strict=True):
        twins.setdefault(a, set()).add(b)
        twins.setdefault(b, set()).add(a)
    gone: set[int] = set()
    for cell in sorted(twins, key=lambda k: (-area[k], ids[k])):
        if cell not in gone:
            gone |= twins[cell]
    dropped, left = read(path, run_bytes=40_000, duplicates="drop")
    assert len(gone) > 20
    assert set(ids) - set(left["cell_id"].to_pylist()) == {int(ids[k]) for k in gone}
    assert dropped.n_duplicates == len(gone)
