"""Prints the CLI reference and the data dictionary from the code: `python -m her2ladder.cli.reference docs`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from her2ladder.cli.main import app
from her2ladder.queries.catalog import catalogue
from her2ladder.queries.init import init
from her2ladder.schema import geometry
from her2ladder.schema.dictionary import features
from her2ladder.schema.store import Store
from her2ladder.schema.tables import CATALOG, LAKE
from her2ladder.schema.views import meaning
from her2ladder.schema.vocabulary import CLASSES


def cli_reference() -> str:
    """Return docs/cli.md."""
    command = typer.main.get_command(app)
    lines = ["# The command `ladder`", "", "Printed from the code by `make docs`; CI compares.", ""]
    lines += ["Global options stand before the command:", "", *_options(command), ""]
    for name, sub in _commands(command, ""):
        lines += [f"## ladder {name}", "", *_help(sub), "", *_arguments(sub), *_options(sub), ""]
    return "\n".join(lines).rstrip() + "\n"


def data_dictionary() -> str:
    """Return docs/data_dictionary.md: tables, views, features, named queries."""
    lines = [
        "# Data dictionary",
        "",
        "Printed from the code by `make docs`; CI compares.",
        "",
        "## Tables of the lake (Parquet, one file per slide and stain)",
    ]
    for table in (*LAKE.values(), *CATALOG):
        if table is CATALOG[0]:
            lines += ["", "## Tables of the catalog (schema `base` of catalog.duckdb)"]
        lines += ["", f"### {table.name}", f"A row is {table.row}." + (f" Key: {', '.join(table.key)}." if table.key else ""), ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| {c.name} | {c.sql_type}{'' if c.required else ', may be NULL'} | {_cell(c.meaning)} |" for c in table.columns]
    lines += _views()
    lines += ["", "## Features of a slide", "", "| stain | feature | unit | source | definition |", "|---|---|---|---|---|"]
    for stain, classes in CLASSES.items():
        lines += [f"| {f.stain} | {f.feature} | {f.unit} | {f.source} | {_cell(f.definition)} |" for f in features(stain, classes)]
    lines += ["", "## Named queries (`ladder query list|show|run`)", "", "| query | question | parameters |", "|---|---|---|"]
    lines += [f"| {q.name} | {_cell(q.question)} | {', '.join(q.parameters)} |" for q in catalogue().values()]
    return "\n".join(lines) + "\n"


def view_columns(store: Store) -> dict[str, dict[str, str]]:
    """Return the columns of every public view of a store, and their types."""
    with store.reading() as con:
        names = [name for (name,) in con.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall()]
        found = {name: con.sql(f"SELECT * FROM {name}") for name in names}
        return {name: dict(zip(view.columns, map(str, view.types), strict=True)) for name, view in found.items()}


def _views() -> list[str]:
    """What `ladder sql` and open.sql read, from the views of an empty store."""
    with TemporaryDirectory() as folder:
        found = view_columns(init(Path(folder) / "store"))
    found["patient_feature"] = {"patient_id": "VARCHAR", "…": "DOUBLE, a column for each feature below"}
    lines = ["", "## Views: what `ladder sql`, named queries and open.sql read", "", "| view | what it holds | columns |", "|---|---|---|"]
    for name, columns in found.items():
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        lines.append(f"| {name} | {_cell(meaning(name))} | {_cell(listed)} |")
    lines += ["", "## Table macros: questions about one slide, as `FROM neighbours('S1', 'HE', 'Lymph', 'Tumor', 25)`", ""]
    lines += ["| macro | what it answers |", "|---|---|"]
    return lines + [f"| {name}({', '.join(taken)}) | {_cell(geometry.meaning(name))} |" for name, taken in geometry.MACROS.items()]


def _commands(command: Any, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        inner = _commands(sub, f"{prefix}{name} ")
        found += inner or [(f"{prefix}{name}", sub)]
    return found


def _help(command: Any) -> list[str]:
    return [line.strip() for line in (command.help or "").strip().splitlines()]


def _arguments(command: Any) -> list[str]:
    listed = [p for p in command.params if p.param_type_name == "argument"]
    return [f"- `{(p.metavar or p.name).upper()}` {getattr(p, 'help', '') or ''}".rstrip() for p in listed]


def _options(command: Any) -> list[str]:
    listed = [p for p in command.params if p.param_type_name == "option"]
    return [f"- `{', '.join(p.opts)}` {getattr(p, 'help', '') or ''}{_default(p)}" for p in listed]


def _default(parameter: Any) -> str:
    default = parameter.default
    return "" if default is None or default is False or callable(default) or default == () else f" (default {default})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def python_reference() -> str:
    """Return the page of the Python API: every public name with its signature and docstring."""
    import inspect

    import her2ladder

    def entry(level: str, name: str, thing: Any) -> list[str]:
        text = inspect.cleandoc(thing.__doc__ or "")
        if not callable(thing) or inspect.isclass(thing):
            return [f"{level} `{name}`", "", "```text", text, "```", ""]
        signature = str(inspect.signature(thing)).replace("'", "").replace("self, ", "").replace("(self)", "()")
        return [f"{level} `{name}`", "", "```python", f"{name}{signature}", "```", "", "```text", text, "```", ""]

    lines = ["# Python", "", "*Printed from the code: `make docs`.*", "", "```text", inspect.cleandoc(her2ladder.__doc__ or ""), "```", ""]
    for name in her2ladder.__all__:
        thing = getattr(her2ladder, name)
        lines += entry("##", f"her2ladder.{name}", thing)
        if inspect.isclass(thing):
            inherited = [
                pair for kind in reversed(thing.__mro__) for pair in vars(kind).items() if kind.__module__.startswith("her2ladder")
            ]
            for member, value in inherited:
                if not member.startswith("_"):
                    shown = getattr(value, "fget", None) or getattr(value, "func", None)
                    lines += entry("###", f".{member}", value if shown is None else property(shown, doc=shown.__doc__))
    return "\n".join(lines)


def main() -> None:
    """Write the pages into the folder named."""
    folder = Path(sys.argv[1])
    (folder / "cli.md").write_text(cli_reference())
    (folder / "data_dictionary.md").write_text(data_dictionary())
    (folder / "python.md").write_text(python_reference())


if __name__ == "__main__":
    main()
