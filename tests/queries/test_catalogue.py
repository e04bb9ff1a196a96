"""The catalogue of named queries, the help of every command, the printed docs, and what a command says where there is nothing to say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer

from her2ladder.cli.main import app
from her2ladder.cli.reference import cli_reference, data_dictionary, view_columns
from her2ladder.errors import StageError
from her2ladder.queries.catalog import catalogue, parse
from her2ladder.queries.init import init
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CATALOG, LAKE

DOCS = Path(__file__).parents[2] / "docs"
QUERIES = Path(__file__).parents[2] / "her2ladder" / "queries"
# What a newcomer would put for each parameter; on an empty store every answer is empty whatever they say.
VALUES: dict[str, object] = {
    "slide_id": "S1",
    "stain": "HE",
    "of_class": "Lymph",
    "near_class": "Neutro",
    "radius_um": 25.0,
    "x_um": 0.0,
    "y_um": 0.0,
    "size_um": 256.0,
    "cohorts": [],
    "setting": None,
    "score_name": "rival",
    "feature_set": "sc-mtop",
    "features": ["Pi_Tumor_in_all_cells"],
    "run": "r000000",
    "k": 5,
    "gene": "ERBB2",
    "genes": ["ERBB2"],
    "slides": ["none"],
    "cell_type": "Tumour",
    "min_counts": 20,
    "min_genes": 5,
    "max_control_share": 0.05,
    "min_area_um2": 0.0,
}
# Queries over relations that the caller registers: the SQL engine of the features.
REGISTERED = {name for name in catalogue() if name.startswith("features/")}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return init(tmp_path_factory.mktemp("catalogue") / "store")


def test_every_sql_file_of_the_package_is_in_the_catalogue() -> None:
    files = {path.relative_to(QUERIES).with_suffix("").as_posix() for path in QUERIES.rglob("*.sql")}
    assert files == set(catalogue())
    assert len(files) > 25


@pytest.mark.parametrize("name", list(catalogue()))
def test_a_query_says_what_it_answers_takes_and_gives(name: str) -> None:
    query = catalogue()[name]
    assert query.question[0].isupper()
    assert query.question.rstrip().endswith((".", "?"))
    assert all(meaning.strip() for meaning in [*query.parameters.values(), *query.columns.values()])
    assert query.columns, "a query says what its columns are"
    assert "ORDER BY" in query.sql, "two runs must give the same rows in the same order"


@pytest.mark.parametrize("name", [name for name in catalogue() if name not in REGISTERED])
def test_a_query_runs_on_an_empty_store_and_gives_the_columns_it_names(empty: Store, name: str) -> None:
    query = catalogue()[name]
    with empty.reading() as con:
        told = con.execute(query.sql, {key: VALUES[key] for key in query.parameters})
        columns, rows = [column[0] for column in told.description], told.fetchall()
    # a header may end with "further columns as in view …"
    assert [column for column in columns if column in query.columns] == list(query.columns)
    assert columns == list(query.columns) or "further columns" in query.sql
    if name.startswith("checks/"):
        assert rows == []
        assert columns == ["where", "found"]


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_a_query_over_a_registered_relation_says_so(name: str) -> None:
    text = catalogue()[name].sql
    header = text[: re.match(r"(?:--[^\n]*\n|\s*\n)*", text).end()]  # type: ignore[union-attr]
    assert re.search(r"-- Reads (the )?relations? .*which the caller registers|-- Reads relations that the caller registers", header), (
        header
    )
    used = set(re.findall(r"\b(\w+_in)\b", text[len(header) :]))
    assert used
    assert all(relation in header for relation in used)


def test_ladder_query_runs_a_query_on_an_empty_store_and_says_which_relation_is_lacking(run_ladder: Any) -> None:
    assert run_ladder("--json", "query", "run", "cells/counts").out == "[]\n"
    words = [f"{key}={VALUES[key]}" for key in ("slide_id", "stain")]
    assert run_ladder("--json", "query", "run", "cells/of_slide", "-p", words[0], "-p", words[1]).out == "[]\n"
    lacking = run_ladder("query", "run", "features/class_counts")
    assert lacking.code == 1
    assert lacking.err.count("\n") == 1
    assert "cells_in" in lacking.err


def test_list_and_show_print_what_the_files_say(command: Any) -> None:
    rows = command("--json", "query", "list").rows
    assert [row["query"] for row in rows] == list(catalogue())
    assert all(row["question"] for row in rows)
    for name in ("cells/near", "checks/cell_ids"):
        shown = command("query", "show", name)
        assert shown.out.rstrip() == (QUERIES / f"{name}.sql").read_text().rstrip()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "cells/nowhere"], r"no query called 'cells/nowhere'; there is cells/counts, "),
        (["show", "cells/nowhere"], r"no query called 'cells/nowhere'; there is cells/counts, "),
        (["run", "cells/of_slide"], r"query cells/of_slide takes slide_id, stain; found none"),
        (["run", "cells/counts", "-p", "x=1"], r"query cells/counts takes no parameters; found x"),
        (["run", "cells/of_slide", "-p", "slide_id"], r"--param: wanted NAME=VALUE, found 'slide_id'"),
        (["run", "cells/counts", "--format", "xls"], r"--format: wanted one of table, csv, json, parquet, arrow, found 'xls'"),
    ],
)
def test_a_wrong_call_is_one_line(run_ladder: Any, words: list[str], says: str) -> None:
    answer = run_ladder("query", *words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert re.search(says, answer.err)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-- Rows.\n--\n-- $a  a thing\n\nSELECT 1", r"header names \['a'\], body uses \[\]"),
        ("-- Rows.\n\nSELECT $a", r"header names \[\], body uses \['a'\]"),
        ("SELECT 1", "the first line must be the question"),
    ],
)
def test_a_header_that_does_not_fit_its_body_fails_at_load(text: str, says: str) -> None:
    with pytest.raises(StageError, match=says):
        parse("x/y", text)
    assert parse("x/y", "-- Rows.\n\nSELECT '$no' -- $neither\n").parameters == {}


def commands(command: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, sub in command.commands.items():
        if hasattr(sub, "commands"):
            yield from commands(sub, (*prefix, name))
        else:
            yield (*prefix, name), sub


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", list(COMMANDS), ids=" ".join)
def test_every_command_has_help_an_example_that_names_it_and_help_for_each_option(path: tuple[str, ...]) -> None:
    told = COMMANDS[path]
    example = re.search(r"Example: `(ladder [^`]+)`", told.help or "")
    assert example, "no example"
    assert re.search(rf"\b{' '.join(path)}\b", example[1]), example[1]
    assert (told.help or "").strip().splitlines()[0].endswith(".")
    for parameter in told.params:
        assert getattr(parameter, "help", None), parameter.name


def test_help_of_every_command_is_printed(command: Any) -> None:
    for path in COMMANDS:
        answer = command(*path, "--help")
        assert answer.code == 0
        assert "Usage" in answer.out


def test_help_loads_nothing_heavy_and_answers_at_once() -> None:
    heavy = ("duckdb", "pandas", "polars", "pyarrow", "numpy", "scipy", "sklearn", "torch", "xgboost", "matplotlib", "numba", "shap")
    code = (
        "import sys, json, resource\nfrom her2ladder.cli.main import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"sys.stderr.write(json.dumps([[n for n in {heavy!r} if n in sys.modules], used.ru_utime + used.ru_stime]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"})
    loaded, cpu_seconds = json.loads(done.stderr)
    assert "ingest" in done.stdout
    assert loaded == []
    assert cpu_seconds < 2.0, "a tenth of that on an idle machine"


@pytest.mark.parametrize(("name", "make"), [("cli.md", cli_reference), ("data_dictionary.md", data_dictionary)])
def test_the_printed_docs_are_what_the_code_says(name: str, make: Callable[[], str]) -> None:
    assert (DOCS / name).read_text() == make(), "run `make docs`"


def test_the_reference_names_every_command_option_table_column_and_query() -> None:
    cli, words = (DOCS / "cli.md").read_text(), (DOCS / "data_dictionary.md").read_text()
    for path, told in COMMANDS.items():
        assert f"## ladder {' '.join(path)}\n" in cli
        assert all(option in cli for parameter in told.params for option in parameter.opts if option.startswith("--"))
    for table in (*CATALOG, *LAKE.values()):
        assert f"### {table.name}\n" in words
        assert all(f"| {column.name} | {column.sql_type}" in words for column in table.columns)
    assert all(f"| {name} |" in words for name in catalogue())


def test_the_dictionary_tells_of_every_view_what_it_holds_and_its_columns(empty: Store) -> None:
    words = (DOCS / "data_dictionary.md").read_text().split("## Views")[1].split("##")[0]
    told = {line.split(" | ")[0].removeprefix("| "): line for line in words.splitlines() if line.startswith("| ")}
    for name, columns in view_columns(empty).items():
        if name != "patient_feature":
            assert all(f"{column} {kind}" in told[name] for column, kind in columns.items()), name
    assert "out-of-fold for those the model was trained on" in told["score_current"]


def test_every_table_and_column_of_the_catalog_has_its_comment_and_its_keys(empty: Store) -> None:
    con = duckdb.connect()
    con.execute(f"ATTACH '{empty.root}/catalog.duckdb' AS ladder (READ_ONLY)")
    comments = dict(con.sql("SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'ladder'").fetchall())
    columns = con.sql(
        "SELECT table_name, column_name, comment, is_nullable FROM duckdb_columns() WHERE database_name = 'ladder' ORDER BY ALL"
    ).fetchall()
    keys = con.sql(
        "SELECT table_name, constraint_type, constraint_column_names FROM duckdb_constraints() WHERE database_name = 'ladder' "
        "AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')"
    ).fetchall()
    con.close()
    assert comments == {table.name: table.row for table in CATALOG}
    assert all(comments.values())
    assert {(t, c): (comment, nullable) for t, c, comment, nullable in columns} == {
        (table.name, column.name): (column.meaning, not column.required and column.name not in table.key)
        for table in CATALOG
        for column in table.columns
    }
    assert all(comment for _, _, comment, _ in columns)
    found = {(table, kind, tuple(names)) for table, kind, names in keys}
    for table in CATALOG:
        assert not table.key or (table.name, "PRIMARY KEY", table.key) in found, table.name
        assert all((table.name, "FOREIGN KEY", names) in found for names, _ in table.refers), table.name
        assert table.key or "run" in table.names, "facts are told apart by their run"
    assert {"run", "patient", "slide", "vocabulary", "cohort", "model"} <= {table.name for table in CATALOG if table.key}


def test_every_public_view_answers_on_an_empty_store(empty: Store) -> None:
    views = view_columns(empty)
    assert {"cell", "cell_pair", "slide", "patient", "patient_feature", "run", "manifest_current", "quarantine", "score"} <= set(views)
    assert len(views["patient_feature"]) == 1 + 69 + 70


def test_json_of_a_read_command_is_an_empty_list_where_there_is_nothing(run_ladder: Any) -> None:
    calls = [
        ["check"],
        ["features"],
        ["sql", "SELECT * FROM cell"],
        ["sql", "SELECT * FROM patient WHERE false"],
        ["query", "run", "cohort/feature_sets"],
    ]
    for words in calls:
        answer = run_ladder("--json", *words)
        assert (answer.code, answer.out) == (0, "[]\n"), words


READ = [["table1"], ["odds"], ["compare"], ["contrast"], ["survival", "--endpoint", "dfs"], ["evaluate", "--score", "x"], ["patients"]]


@pytest.mark.parametrize("words", [words for words in READ if (words[0],) in COMMANDS], ids=lambda words: words[0])
def test_an_analysis_of_an_empty_store_gives_an_empty_list_or_one_line_that_says_why(run_ladder: Any, words: list[str]) -> None:
    answer = run_ladder("--json", *words)
    if answer.code == 0:
        assert answer.rows == []
    else:
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert answer.code in (1, 2)
        assert answer.code == 2 or answer.err.count("\n") == 1
