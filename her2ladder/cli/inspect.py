"""ladder sql · query · export · map: looking at what the store holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from her2ladder.cli.context import globals_of, open_store, store_address
from her2ladder.cli.output import HarmlessTerminal, say, show, table

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_ROWS = 1000

Format = Annotated[str | None, typer.Option("--format", help="table, csv, json, parquet or arrow; default: table, or json with --json.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead of stdout.")]
SafeCells = Annotated[
    bool, typer.Option("--safe-cells", help="CSV and XLSX: an apostrophe before text that a spreadsheet would run as a formula (= + - @).")
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds until the query is stopped.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(sql)
    queries = typer.Typer(no_args_is_help=True, help="Named queries: the SQL behind every analysis.")
    queries.command("list")(query_list)
    queries.command("show")(query_show)
    queries.command("run")(query_run)
    app.add_typer(queries, name="query")
    app.command()(export)
    app.command("map")(map_)


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT (or WITH, FROM, DESCRIBE, SHOW, SUMMARIZE, PIVOT) over the views.")],
    format_: Format = None,
    output: Output = None,
    safe_cells: SafeCells = False,
    timeout: Timeout = 300.0,
) -> None:
    """Ask the store in SQL, read-only, in a sandboxed process.

    Example: `ladder sql "SELECT cell_class, count(*) n, avg(area_um2) FROM cell GROUP BY ALL ORDER BY n DESC"`
    """
    _answer(context, query, {}, format_, output, timeout, safe_cells)


def query_list(context: typer.Context) -> None:
    """List the named queries and what each answers.

    Example: `ladder query list`
    """
    from her2ladder.queries.catalog import catalogue

    rows = [{"query": q.name, "question": q.question, "parameters": ", ".join(q.parameters)} for q in catalogue().values()]
    show(rows, as_json=globals_of(context).as_json)


def query_show(name: Annotated[str, typer.Argument(help="Name, as `ladder query list` gives it.")]) -> None:
    """Print the SQL of one named query.

    Example: `ladder query show cells/near`
    """
    from her2ladder.queries.catalog import query

    typer.echo(query(name).sql.rstrip())


def query_run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name, as `ladder query list` gives it.")],
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; once for each.")] = None,
    format_: Format = None,
    output: Output = None,
    safe_cells: SafeCells = False,
    timeout: Timeout = 300.0,
) -> None:
    """Run one named query.

    Example: `ladder query run cells/near -p stain=HE -p of_class=Lymph -p near_class=Neutro -p radius_um=30`
    """
    from her2ladder.errors import InputError
    from her2ladder.queries.catalog import query, values_of

    asked = query(name)
    given = {}
    for text in param or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--param: wanted NAME=VALUE, found {text!r}")
        given[key] = value
    _answer(context, asked.sql, values_of(asked, given), format_, output, timeout, safe_cells)


def export(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="cells, or lake: the store's own files for Spark, Trino, polars, DuckDB.")] = "cells",
    slide_id: Annotated[str | None, typer.Option("--slide-id", help="Slide to export; all where left out (csv, parquet, h5ad).")] = None,
    stain: Annotated[str | None, typer.Option("--stain", help="Stain; needed where the slide has two.")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="cells: geojson (QuPath), hovernet, geoparquet, gpkg (QGIS), tiatoolbox, h5ad, spatialdata, csv or parquet; "
            "lake: iceberg or parquet.",
        ),
    ] = None,
    output: Output = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DIR|s3://…", help="lake: folder or bucket to bring to the store's state.")
    ] = None,
) -> None:
    """Write cells with their outlines for other tools, or show the whole lake to other engines as Iceberg tables, without a copy.

    Example: `ladder export cells --slide-id SYN-0001-HE --format geojson -o cells.geojson`

    Example: `ladder export lake --to lake`
    """
    from her2ladder.errors import InputError

    if what == "lake":
        _export_lake(context, to, format_ or "iceberg", slide_id or stain or output)
        return
    if what != "cells":
        raise InputError(f"export: wanted cells or lake, found {what!r}; other tables: ladder sql 'SELECT * FROM …' --format csv")
    if to is not None:
        raise InputError("export cells: --to is for export lake; name a file with -o")
    from her2ladder.analytics.export.stage import export_cells

    n = export_cells(open_store(context), slide_id, stain, format_ or "geojson", output)
    say(f"{n:,} cells written{f' to {output}' if output else ''}")


def _export_lake(context: typer.Context, to: str | None, format_: str, other: object) -> None:
    from dataclasses import asdict

    from her2ladder.analytics.export.lake.stage import export_lake
    from her2ladder.cli.progress import Progress
    from her2ladder.errors import InputError

    if to is None:
        raise InputError("export lake: say where with --to DIR or --to s3://BUCKET/PREFIX")
    if other is not None:
        raise InputError("export lake: takes --to and --format alone; it holds every slide")
    with Progress("tables", "rows") as progress:
        done = export_lake(open_store(context), to, format_, progress)
    show([asdict(one) for one in done], as_json=globals_of(context).as_json)
    added, removed = (sum(getattr(one, name) for one in done) for name in ("n_added", "n_removed"))
    say(f"{added:,} files added and {removed:,} removed; {to} is at the store's state now")
    if format_ == "iceberg" and "://" not in to:
        say(
            f"""pyiceberg: SqlCatalog("ladder", uri="sqlite:///{Path(to).absolute()}/catalog.db").load_table("ladder.cell"); others: docs/scale.md"""
        )


def map_(
    context: typer.Context,
    slide_id: Annotated[str, typer.Argument(metavar="SLIDE", help="Slide to draw.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="map.png or map.html")],
    stain: Annotated[str | None, typer.Option("--stain", help="Stain; needed where the slide has two.")] = None,
    over: Annotated[
        Path | None, typer.Option("--over", metavar="FILE", help="The slide's own file: its image lies beneath the cells.")
    ] = None,
    gene: Annotated[
        str | None, typer.Option("--gene", help="Colour the cells of an in-situ section by their transcripts of this gene.")
    ] = None,
) -> None:
    """Draw the cells of a slide by class or by a gene: a picture (.png), or one self-contained page to zoom in (.html).

    Example: `ladder map SYN-0001-HE -o map.html`, `ladder map X1 --gene ERBB2 -o erbb2.png`
    """
    from her2ladder.analytics.cellmap.over import Over
    from her2ladder.analytics.cellmap.stage import draw_map

    def read_image(extent_um: tuple[float, float, float, float], mpp: tuple[float, float]) -> Over:
        from her2ladder.ingest.segmentation.slides.look import image_of

        assert over is not None
        return Over(*image_of(over, mpp, extent_um))

    n = draw_map(open_store(context), slide_id, stain, output, read_image if over else None, gene)
    say(f"{n:,} cells drawn to {output}")


def _answer(
    context: typer.Context, query: str, given: dict[str, object], format_: str | None, output: Path | None, timeout: float, safe_cells: bool
) -> None:
    import os

    # no thread before the fork, neither numpy's nor that of Arrow's memory: see sandbox/process.py
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")

    from her2ladder.errors import InputError
    from her2ladder.queries import formats
    from her2ladder.queries.safe_cells import safe
    from her2ladder.queries.sandbox.ask import ask

    chosen = format_ or ("json" if globals_of(context).as_json else "table")
    if chosen not in formats.FORMATS:
        raise InputError(f"--format: wanted one of {', '.join(formats.FORMATS)}, found {chosen!r}")
    to_file = _format_of(output, chosen) if output is not None else chosen
    if safe_cells and to_file not in ("csv", "xlsx"):
        raise InputError(f"--safe-cells is for csv and xlsx, found {to_file}: say --format csv, or -o FILE.xlsx")
    with ask(store_address(context), query, parameters=given, timeout_seconds=timeout) as answer:
        reader = safe(answer) if safe_cells else answer
        if chosen == "table" and output is None:
            _print_table(reader, query)
        elif output is None:
            raw = sys.stdout.isatty() and chosen in ("csv", "json")
            formats.write(reader, chosen, cast(IO[bytes], HarmlessTerminal()) if raw else sys.stdout.buffer)
        else:
            _to_file(reader, to_file, output)


def _print_table(reader: pa.RecordBatchReader, query: str) -> None:
    """Print the first rows for people to read; hashes that were not asked for by name are left out, and both are said."""
    from her2ladder.queries import formats

    rows: list[dict[str, object]] = []
    is_cut = False
    for row in formats.rows(reader):
        if len(rows) == TABLE_ROWS:
            is_cut = True
            break
        rows.append(row)
    hashes = [name for name in reader.schema.names if name.endswith("sha256") and name not in query]
    names = [name for name in reader.schema.names if name not in hashes]
    table(names, [[row[name] for name in names] for row in rows])
    if hashes:
        say(f"not shown: {', '.join(hashes)} (name them, or --format csv)")
    if is_cut:
        say(f"the first {TABLE_ROWS:,} rows; there are more: --format csv, or -o FILE, gives all")


_ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".arrow": "arrow", ".ipc": "arrow", ".feather": "arrow", ".xlsx": "xlsx"}


def _format_of(output: Path, asked: str) -> str:
    """Return the format that a file's name says.

    raises   InputError for an ending that says none, or another than --format
    """
    from her2ladder.errors import InputError

    said = _ENDINGS.get(output.suffix.lower())
    if said is None and asked == "table":
        raise InputError(f"{output}: wanted a name that ends in {', '.join(_ENDINGS)}, or --format; found {output.suffix or 'no ending'}")
    if asked in ("table", "json") and said is not None:  # json may come from --json
        return said
    if said is not None and said != asked:
        raise InputError(f"{output}: its name says {said}, --format says {asked}: wanted one of them")
    return asked


def _to_file(reader: pa.RecordBatchReader, format_: str, output: Path) -> None:
    """Write beside the target first: a query that fails half-way leaves no file."""
    import os

    from her2ladder.errors import InputError
    from her2ladder.queries import formats

    draft = output.with_name(f".{output.name}.draft")
    try:
        with draft.open("wb") as out:
            n = formats.write(reader, format_, out)
        os.replace(draft, output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    say(f"{n:,} rows written to {output}")
