"""The finished file: its order, its size, its bytes, what it leaves behind, and formats told by content."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from her2ladder.errors import CellRowError, InputError, StageError
from her2ladder.ingest.cellparquet import ROW_GROUP
from her2ladder.ingest.ids import IdIndex, id_keys
from her2ladder.ingest.readers.base import ReadOptions
from her2ladder.ingest.readers.registry import READERS, reader_for
from her2ladder.schema.labels import LabelMap
from her2ladder.schema.lake import sha256_of
from her2ladder.schema.tables import CELL


@pytest.fixture(scope="module")
def slide(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "slide.json"
    made.write_hovernet(path, 40_000, seed=5)
    return Path(path)


def test_the_file_is_the_contract_to_the_letter(slide: Path, read: Any) -> None:
    written, rows = read(slide)
    assert rows.schema.equals(CELL.arrow)
    file = pq.ParquetFile(written.path)
    told = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    assert {"contract": "cell", "schema_version": "4", "quanta_per_px": "1"}.items() <= told.items()
    groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    assert groups == [ROW_GROUP, ROW_GROUP, 40_000 - 2 * ROW_GROUP]
    assert written.sha256 == sha256_of(written.path)
    assert written.n_bytes == written.path.stat().st_size
    assert written.source_sha256 == sha256_of(slide)


def test_rows_lie_in_tile_order(slide: Path, read: Any) -> None:
    _, rows = read(slide)
    x, y = rows["x_um"].to_numpy() / 0.25, rows["y_um"].to_numpy() / 0.25
    key = list(zip(y // 1024, x // 1024, rows["cell_id"].to_pylist(), strict=True))
    assert key == sorted(key)
    assert len({k[:2] for k in key}) > 100


def test_a_cell_takes_at_most_60_bytes(slide: Path, read: Any) -> None:
    """20 to 30 points an outline, centroids of full precision."""
    written, _ = read(slide)
    assert written.n_bytes / written.n_rows <= 60


@pytest.mark.parametrize("run_bytes", [200_000, 3_000_000])
def test_a_slide_put_aside_in_parts_gives_the_same_bytes(slide: Path, read: Any, run_bytes: int, tmp_path: Path) -> None:
    whole, _ = read(slide)
    parts, _ = read(slide, run_bytes=run_bytes, options=ReadOptions(chunk_bytes=100_000))
    assert whole.sha256 == parts.sha256
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_duckdb_reads_it(slide: Path, read: Any) -> None:
    written, rows = read(slide)
    sums = duckdb.sql(f"SELECT count(*), sum(len(contour)), max(source_id), sum(x_max_px) FROM '{written.path}'").fetchall()[0]
    assert sums[0] == 40_000
    assert sums[1] == sum(len(contour) for contour in rows["contour"].to_pylist())
    assert sums[2] == "9999"
    assert sums[3] == sum(rows["x_max_px"].to_pylist())


CELLS = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 5), st.sampled_from([0.0, 0.25, 0.1])), min_size=1, max_size=40
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, chunk_bytes=st.integers(50, 3000), run_bytes=st.integers(1, 4000))
def test_any_slide_holds_each_cell_once_whatever_the_parts(
    cells: list[tuple[int, int, int, float]], chunk_bytes: int, run_bytes: int, hovernet: Any, read: Any, tmp_path: Path
) -> None:
    nuc = {
        f"n{i}": {
            "centroid": [x + part, y],
            "contour": [[x, y], [x + 9 + part, y], [x + 9, y + 9]],
            "type": kind,
        }
        for i, (x, y, kind, part) in enumerate(cells)
    }
    path = hovernet(nuc)
    one, rows = read(path)
    two, _ = read(path, options=ReadOptions(chunk_bytes=chunk_bytes), run_bytes=run_bytes)
    assert one.sha256 == two.sha256
    assert one.quanta_per_px == (1 if all(part == 0 for *_, part in cells) else 8)
    assert sorted(rows["cell_id"].to_pylist()) == list(range(len(cells)))
    for row in rows.to_pylist():
        x, y, kind, part = cells[row["cell_id"]]
        assert (row["x_um"], row["y_um"], row["source_label"]) == ((x + part) * 0.25, y * 0.25, str(kind))
        base = np.floor(row["x_um"] / 0.25 + 0.5)
        assert abs(base + row["contour"][2] / one.quanta_per_px - (x + 9 + part)) <= 1 / 16


def test_more_bad_records_than_the_share_refuse_the_slide(nuclei: Any, hovernet: Any, read: Any, tmp_path: Path) -> None:
    nuc = nuclei(200)
    for name in ("3", "9"):
        nuc[name]["contour"] = [[1, 1]]
    assert read(hovernet(nuc))[0].n_quarantined == 2
    nuc["12"]["contour"] = [[1, 1]]
    with pytest.raises(
        CellRowError,
        match=r"cell 3: wanted an outline of at least 3 .* \(3 of 200 records are bad, at most 0.01 of them may be\): .*--max-bad-share lets more be left out$",
    ) as error:
        read(hovernet(nuc))
    assert error.value.record == "3"
    assert read(hovernet(nuc), max_bad_share=0.02)[0].n_rows == 197
    assert len(list((tmp_path / "out").glob(".*"))) == 2


def test_what_the_map_drops_is_counted_and_keeps_the_other_cells_numbers(nuclei: Any, hovernet: Any, read: Any) -> None:
    labels = {"1": "Tumor", "2": "drop", "3": "Stroma", "4": "drop", "5": "drop"}
    written, rows = read(hovernet(nuclei(10)), label_map=LabelMap("m", "0", "HE", ("Tumor", "Stroma"), labels))
    assert (written.n_rows, written.n_dropped, written.n_records) == (4, 6, 10)
    assert rows["cell_id"].to_pylist() == [0, 2, 5, 7]
    nothing = LabelMap("none", "0", "HE", ("Tumor",), dict.fromkeys("12345", "drop"))
    with pytest.raises(InputError, match="found none that label map none does not drop"):
        read(hovernet(nuclei(10)), label_map=nothing)


def test_a_cell_outside_the_slide_is_bad_where_the_size_is_known(nuclei: Any, hovernet: Any, read: Any) -> None:
    """200 nuclei 30 px apart from 100: the last at 6,070."""
    written, _ = read(hovernet(nuclei()), width_px=6060, height_px=100)
    assert written.quarantined == [("200", "wanted a centroid on the slide (0 to 6,060 px, 0 to 100 px), found 6070.25, 50.5")]


def test_mag_and_mpp_that_say_two_things_are_refused_unless_mpp_is_as_given(nuclei: Any, hovernet: Any, read: Any) -> None:
    path = hovernet(nuclei(), mag=20)
    with pytest.raises(InputError, match=r"the file says .* at 20x, about 0.5 um/px; --mpp says 0.25: .*--mpp-as-given"):
        read(path)
    with pytest.raises(InputError, match=r"--mpp says 0.25 \(the slide's level 0 is at 0.25\)"):
        read(path, slide_mpp=0.25)
    assert read(path, mpp_as_given=True)[0].mag == 20
    assert read(path, slide_mpp=0.25, mpp_x=0.5, mpp_y=0.5)[0].n_rows == 200
    for mag, mpp in ((20, 0.4942), (40, 0.2325), (40, 0.2738), (None, 1.0)):  # what scanners say; no mag says nothing
        assert read(hovernet(nuclei(), mag=mag), mpp_x=mpp, mpp_y=mpp)[0].n_rows == 200


def test_a_full_disk_is_told_and_leaves_nothing(slide: Path, read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StageError, match="cells could not be written: the disk is full"):
        read(slide)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_writer_leaves_at_most_a_draft_that_no_name_points_to(slide: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle: what was put aside is gone with the process, since it never had a name."""
    code = (
        "import os, sys, signal\nfrom pathlib import Path\nfrom her2ladder.ingest import cellparquet, cellfile\n"
        "from her2ladder.schema.labels import load_label_map\n"
        "cellparquet.CellsFile.__exit__ = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "spec = cellfile.CellSource('S', 'P', 'HE', .25, .25, load_label_map('pannuke', 'HE'), run_bytes=500_000)\n"
        "cellfile.write_cells(Path(sys.argv[1]), Path(sys.argv[2]), spec)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(slide), str(tmp_path)], check=False)
    assert done.returncode == -9
    assert [path.name[:7] for path in tmp_path.iterdir()] == [".cells-"]


def test_a_format_is_told_from_content_and_never_guessed(
    hovernet: Any, nuclei: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_file = hovernet(nuclei(3), name="slide.csv")
    assert reader_for(json_file).reader.NAME == "hovernet"
    with pytest.raises(InputError, match="no format called 'halcon'; there is auto, hovernet, qupath"):
        reader_for(json_file, "halcon")
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"type": "Topology", "objects": []}))
    with pytest.raises(InputError, match=r"wanted a file of cells .*, found a file that begins"):
        reader_for(other)
    monkeypatch.setitem(READERS, "twin", READERS["hovernet"])
    with pytest.raises(InputError, match=r"could be hovernet .* or hovernet .*: say which by --format"):
        reader_for(json_file)


@pytest.mark.parametrize("held", [3, 1000])
def test_later_twins_are_those_that_a_dictionary_finds(tmp_path: Path, held: int) -> None:
    rng = np.random.default_rng(1)
    words = [str(n) if n % 3 else f"0{n}" if n % 2 else f"id-{n}" for n in rng.integers(0, 400, 300).tolist()]
    index = IdIndex(tmp_path, held=held)
    for begin in range(0, 300, 50):
        part = [word.encode() for word in words[begin : begin + 50]]
        index.add(np.frombuffer(b"".join(part), dtype=np.uint8), np.array([len(word) for word in part]), np.arange(begin, begin + 50))
    first: dict[str, int] = {}
    later = [i for i, word in enumerate(words) if first.setdefault(word, i) != i]
    assert index.later_twins().tolist() == later
    assert len(later) > 50
    index.close()


def test_ids_that_look_alike_have_different_keys() -> None:
    words = ["1", "01", "10", "0", "00", "", "a", "b", "1 ", "-1", "9" * 18, "9" * 19, "1.0"]
    data = np.frombuffer("".join(words).encode(), dtype=np.uint8)
    keys = np.empty(len(words), dtype=np.int64)
    id_keys(data, np.array([len(word) for word in words]), keys)
    assert len(set(keys.tolist())) == len(words)
