"""The lake as other engines read it: one export, the same answers from pyiceberg, polars, DuckDB and Spark; what is new is all that is added."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from her2ladder.analytics.export.lake import iceberg
from her2ladder.queries.catalog import query

pytest.importorskip("pyiceberg")
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable

SLIDES = {  # names that a tool which guesses types or unquotes paths would change
    "007": [("Tumor", 1, 2), ("Lymph", 4, 6), ("Stroma", 40, 60)],
    "S 1": [("Tumor", 1, 2), ("Tumor", 9, 2), ("Lymph", 4, 6), ("Other", 7, 7)],
    "é+%2F": [("Lymph", 0, 0), ("Lymph", 3, 4)],
}
N_OF_CLASS = {"Tumor": 3, "Lymph": 4, "Stroma": 1, "Other": 1}


@pytest.fixture(scope="module")
def made(command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three slides with their features."""
    folder = tmp_path_factory.mktemp("lake")
    assert command("init", folder / "store").code == 0
    for slide_id, cells in SLIDES.items():
        lines = [f"c{i},{name},{x},{y}" for i, (name, x, y) in enumerate(cells)]
        (folder / "cells.csv").write_text("cell_id,cell_class,x_um,y_um\n" + "\n".join(lines) + "\n")
        words = ["--stain", "HE", "--slide-id", slide_id, "--patient", slide_id, "--workers", 1]
        assert command("--store", folder / "store", "ingest", "cells", folder / "cells.csv", *words).code == 0
    assert command("--store", folder / "store", "features", "--workers", 1).code == 0
    return folder / "store"


@pytest.fixture
def store_dir(made: Path, tmp_path: Path) -> Path:
    """A copy of it for each test."""
    return Path(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture
def study(run_ladder: Callable[..., Any]) -> Callable[..., Any]:
    """The command on that store."""
    return run_ladder


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Path -> inode and time of its last change: what a rewrite changes."""
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.parquet")}


def local(uri: str) -> str:
    return uri.removeprefix("file://")


def listed(lake: Path, table: str) -> list[str]:
    """The files that the manifest names."""
    told = json.loads((lake / "manifest.json").read_text())["tables"][table]["files"]
    return [local(file["path"]) if "://" in file["path"] else str(lake / file["path"]) for file in told]


def static(lake: Path, table: str) -> StaticTable:
    return StaticTable.from_metadata(str(lake / "ladder" / table))


def slides_in(lake: Path, table: str = "cell") -> set[str]:
    return set(static(lake, table).scan().to_arrow()["slide_id"].to_pylist())


def test_iceberg_tables_lie_over_the_stores_own_files(study: Callable[..., Any], store_dir: Path, tmp_path: Path) -> None:
    before, lake = files_of(store_dir), tmp_path / "lake"
    done = study("--json", "export", "lake", "--to", lake)
    assert done.code == 0, done.err
    assert {row["table"]: (row["n_files"], row["n_added"], row["n_removed"]) for row in done.rows} == {
        "cell": (3, 3, 0),
        "cell_pair": (3, 3, 0),
        "slide": (1, 1, 0),
    }
    assert files_of(store_dir) == before
    assert not list(lake.rglob("cell/**/*.parquet"))
    assert {str(Path(path).relative_to(store_dir)) for path in listed(lake, "cell")} == {p for p in before if p.startswith("cells/")}
    types = {field.name: str(field.field_type) for field in static(lake, "cell").schema().fields}
    assert (types["slide_id"], types["cell_class"], types["cell_id"], types["x_um"]) == ("string", "string", "int", "double")
    assert types["contour"] == "list<int>"


@pytest.mark.parametrize("name", ["ladder", "default"])
def test_pyiceberg_polars_and_duckdb_read_the_same_cells(study: Callable[..., Any], tmp_path: Path, name: str) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    catalog = SqlCatalog(name, uri=f"sqlite:///{lake / 'catalog.db'}", warehouse=f"file://{lake}")
    cells = catalog.load_table("ladder.cell")
    catalog.engine.dispose()
    assert Counter(cells.scan().to_arrow()["cell_class"].to_pylist()) == N_OF_CLASS
    assert Counter(static(lake, "cell").scan(row_filter="slide_id = '007'").to_arrow()["slide_id"].to_pylist()) == {"007": 3}
    lazy = pl.scan_parquet(listed(lake, "cell")).with_columns(pl.col("cell_class", "slide_id").cast(pl.String))
    assert dict(lazy.group_by("cell_class").len().collect().rows()) == N_OF_CLASS
    seen = duckdb.connect().execute(
        "SELECT slide_id, count(*) FROM read_parquet($files, hive_partitioning = false) GROUP BY 1", {"files": listed(lake, "cell")}
    )
    assert dict(seen.fetchall()) == {slide_id: len(found) for slide_id, found in SLIDES.items()}


@pytest.mark.filterwarnings("ignore:Iceberg scan planning")
def test_polars_reads_the_iceberg_table(study: Callable[..., Any], tmp_path: Path) -> None:
    assert study("export", "lake", "--to", tmp_path / "lake").code == 0
    found = pl.scan_iceberg(static(tmp_path / "lake", "cell")).group_by("slide_id").len().collect()
    assert dict(found.rows()) == {slide_id: len(cells) for slide_id, cells in SLIDES.items()}


def test_a_second_export_adds_new_slides_alone_and_a_third_nothing(
    study: Callable[..., Any], put: Callable[..., Any], store_dir: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    before = files_of(store_dir)
    assert put("late", ("Tumor", 0, 0)).code == 0
    rows = study("--json", "export", "lake", "--to", lake).rows
    assert {row["table"]: (row["n_added"], row["n_removed"]) for row in rows} == {"cell": (1, 0), "cell_pair": (0, 0), "slide": (1, 1)}
    assert {path: found for path, found in files_of(store_dir).items() if path in before} == before
    assert slides_in(lake) == {*SLIDES, "late"}
    table = static(lake, "cell")
    assert [snapshot.summary["added-data-files"] for snapshot in table.metadata.snapshots] == ["3", "1"]
    assert [snapshot.summary["ladder.run"] for snapshot in table.metadata.snapshots] == ["r000004", "r000005"]
    first = table.scan(snapshot_id=table.metadata.snapshots[0].snapshot_id).to_arrow()
    assert set(first["slide_id"].to_pylist()) == set(SLIDES)
    again = study("--json", "export", "lake", "--to", lake).rows
    assert [(row["n_added"], row["n_removed"]) for row in again] == [(0, 0)] * 3
    assert len(static(lake, "cell").metadata.snapshots) == 2


def test_a_superseded_slide_and_a_withdrawn_one_leave_the_next_snapshot(
    study: Callable[..., Any], put: Callable[..., Any], store_dir: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    assert put("007", ("Tumor", 5, 5)).code == 0  # read again from a changed file: its pairs are stale
    next(path for path in (store_dir / "cells").rglob("*.parquet") if "S%201" in str(path)).write_bytes(b"damaged")
    assert study("check", "--mend").code == 0
    rows = study("--json", "export", "lake", "--to", lake).rows
    assert {row["table"]: (row["n_added"], row["n_removed"]) for row in rows} == {"cell": (1, 2), "cell_pair": (0, 2), "slide": (1, 1)}
    assert slides_in(lake) == {"007", "é+%2F"}
    assert slides_in(lake, "cell_pair") == {"é+%2F"}
    assert static(lake, "slide").scan().to_arrow()["n_cells"].to_pylist() == [1, 2]


def test_a_store_that_was_moved_is_exported_again_from_where_it_is(
    study: Callable[..., Any], store_dir: Path, tmp_path: Path, command: Any
) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    moved = shutil.move(store_dir, tmp_path / "else where")
    assert command("--store", moved, "export", "lake", "--to", lake).code == 0
    assert slides_in(lake) == set(SLIDES)


def test_a_tree_holds_copies_that_every_engine_globs(study: Callable[..., Any], put: Callable[..., Any], tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    assert study("export", "lake", "--to", tree, "--format", "parquet").code == 0
    before = files_of(tree)
    assert dict(pl.scan_parquet(tree / "cell" / "*.parquet").group_by(pl.col("slide_id").cast(pl.String)).len().collect().rows()) == {
        slide_id: len(cells) for slide_id, cells in SLIDES.items()
    }
    assert put("007", ("Tumor", 5, 5)).code == 0
    assert study("export", "lake", "--to", tree, "--format", "parquet").code == 0
    after = files_of(tree)
    assert sorted(listed(tree, "cell")) == sorted(str(path) for path in (tree / "cell").iterdir())
    assert len(after.keys() - before.keys()) == 2  # the slide's cells, and the table of slides
    assert {path: found for path, found in after.items() if path in before} == {path: before[path] for path in after.keys() & before.keys()}
    assert duckdb.sql(f"SELECT count(*) FROM '{tree}/cell/*.parquet'").fetchall() == [(7,)]


def test_an_export_that_was_cut_off_is_finished_by_the_next(
    study: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, committed = tmp_path / "lake", iceberg.commit

    def killed(place: Any, table: Any, *others: Any) -> Any:
        if table.name == "slide":
            raise KeyboardInterrupt
        return committed(place, table, *others)

    with monkeypatch.context() as patched:
        patched.setattr(iceberg, "commit", killed)
        assert study("export", "lake", "--to", lake).code != 0
    assert not (lake / "catalog.db").exists()
    rows = study("--json", "export", "lake", "--to", lake).rows
    assert {row["table"]: row["n_added"] for row in rows} == {"cell": 0, "cell_pair": 0, "slide": 1}


def test_of_two_exports_at_once_one_says_so_and_changes_nothing(
    study: Callable[..., Any], put: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    assert put("late", ("Tumor", 0, 0)).code == 0
    read = iceberg._data_files

    def meanwhile(*asked: Any) -> Any:  # another export commits between this one's look and its commit
        monkeypatch.setattr(iceberg, "_data_files", read)
        assert study("export", "lake", "--to", lake).code == 0
        return read(*asked)

    monkeypatch.setattr(iceberg, "_data_files", meanwhile)
    done = study("export", "lake", "--to", lake)
    assert (done.code, "another export committed to it meanwhile" in done.err) == (1, True)
    assert len(done.err.splitlines()) == 1
    assert slides_in(lake) == {*SLIDES, "late"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lake",), "say where with --to DIR"),
        (("lake", "--to", "{tmp}/x", "--format", "csv"), "--format: wanted one of iceberg, parquet, found 'csv'"),
        (("lake", "--to", "{tmp}/x", "--slide-id", "007"), "it holds every slide"),
        (("lake", "--to", "ftp://x/y"), "wanted a folder or s3://BUCKET/PREFIX"),
        (("lake", "--to", "{tmp}"), "wanted a new or empty folder, or an earlier export, found other files"),
        (("lake", "--to", "{tmp}/store/lake"), "lies in the store itself"),
        (("cells", "--to", "{tmp}/x"), "--to is for export lake"),
        (("boats",), "wanted cells or lake, found 'boats'"),
    ],
)
def test_what_cannot_be_exported_is_one_line(run_ladder: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = run_ladder("export", *(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert said in done.err
    assert not (tmp_path / "x").exists()


def test_an_export_of_the_other_format_is_refused(run_ladder: Callable[..., Any], tmp_path: Path) -> None:
    assert run_ladder("export", "lake", "--to", tmp_path / "x", "--format", "parquet").code == 0
    assert "holds an export of --format parquet" in run_ladder("export", "lake", "--to", tmp_path / "x").err


def test_without_the_extra_it_says_what_to_install(run_ladder: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyiceberg.table", None)
    done = run_ladder("export", "lake", "--to", tmp_path / "x")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "pip install 'her2ladder[lake]'" in done.err
    assert not (tmp_path / "x").exists()


@pytest.fixture
def spark() -> Iterator[Any]:
    """A local Spark."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("there is no Java here")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            sql.SparkSession.builder.master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.codegen.wholeStage", "false")  # nine rows are not worth a compiler
            .config("spark.sql.adaptive.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


NAMED: dict[str, dict[str, Any]] = {
    "cells/window": {"slide_id": "S 1", "stain": "HE", "x_um": 0, "y_um": 0, "size_um": 8},
    "cells/of_slide": {"slide_id": "007", "stain": "HE"},
    "cells/near": {"stain": "HE", "of_class": "Lymph", "near_class": "Tumor", "radius_um": 5.5},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spark_and_duckdb_answer_named_queries_alike(study: Callable[..., Any], spark: Any, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert study("export", "lake", "--to", lake).code == 0
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")  # else '007' of the folder's name is 7
    told = json.loads((lake / "manifest.json").read_text())["tables"]["cell"]["files"]
    spark.read.parquet(*(file["path"] for file in told)).createOrReplaceTempView("cell")
    for name, given in NAMED.items():
        ours = study("--json", "query", "run", name, *(word for key, value in given.items() for word in ("--param", f"{key}={value}"))).rows
        asked = re.sub(r"\$(\w+)", r":\1", query(name).sql)
        assert [row.asDict() for row in spark.sql(asked, args=given).collect()] == ours, name
        assert ours
