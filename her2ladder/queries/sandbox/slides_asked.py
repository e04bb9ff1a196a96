"""Which slides a query can read at most, so that a question about one slide lists one slide's files and not the lake's.

DuckDB parses the query (json_serialize_sql); every place that reads the lake must stand beside `slide_id = …` (or IN a list), joined by AND,
in the same SELECT, or be a macro called with a slide. Where anything else reads the lake, the answer is: all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from her2ladder.schema.geometry import MACROS
from her2ladder.schema.tables import LAKE

_PLAIN = re.compile(r"[\w .+@:/-]*")
READ_THE_LAKE = {*(table.name for table in LAKE.values()), "cell_shape"}


class _AllSlides(Exception):
    """The lake is read without a slide being named."""


def slides_asked(sql: str, parameters: Mapping[str, object]) -> set[str] | None:
    """Return the slides that a query names; None where it may read any.

    sql         one statement; a text that is no plain SELECT gives None
    parameters  values of `$name`
    """
    told = duckdb.connect().execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0]
    tree = json.loads(told)
    if tree.get("error") or len(tree.get("statements", ())) != 1:
        return None
    found: set[str] = set()
    try:
        for node in _selects(tree["statements"][0]["node"]):
            found |= _of_select(node, parameters)
    except (_AllSlides, KeyError, TypeError, IndexError):  # a tree of another DuckDB than those that we know: no harm, all files
        return None
    return found


def _selects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a tree that has a FROM."""
    if isinstance(node, dict):
        if "from_table" in node:
            yield node
        for value in node.values():
            yield from _selects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _selects(value)


def _of_select(node: Mapping[str, Any], parameters: Mapping[str, object]) -> set[str]:
    table = node["from_table"]
    tables = list(_tables(table))
    found: set[str] = set()
    for one in tables:
        if one.get("type") == "TABLE_FUNCTION":
            call = one["function"]
            if call.get("function_name", "").lower() in MACROS:
                found |= _constants(_arguments(call)[:1], parameters)
            elif call.get("function_name", "").lower() in ("query", "query_table"):
                raise _AllSlides
    if any(one.get("type") == "BASE_TABLE" and one["table_name"].lower() in READ_THE_LAKE for one in tables):
        if len(tables) != 1 or tables[0].get("column_name_alias"):
            raise _AllSlides  # a join: which side a filter speaks of is not for us to tell
        names = {tables[0]["table_name"].lower(), (tables[0].get("alias") or "").lower()}
        found |= _filtered(node.get("where_clause"), names, parameters)
    elif not all(one.get("type") in ("BASE_TABLE", "TABLE_FUNCTION", "SUBQUERY", "EMPTY", "EXPRESSION_LIST") for one in tables):
        raise _AllSlides
    return found


def _tables(table: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if table.get("type") == "JOIN":
        yield from _tables(table["left"])
        yield from _tables(table["right"])
    else:
        yield table


def _arguments(call: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the arguments of a function: 2.0 gives them names, 1.5 does not."""
    return [one["expression"] for one in call["arguments"]] if "arguments" in call else list(call["children"])


def _filtered(where: Mapping[str, Any] | None, names: set[str], parameters: Mapping[str, object]) -> set[str]:
    """Return the slides of one conjunct `slide_id = …` or `slide_id IN (…)`."""
    for part in _conjuncts(where):
        kind = part.get("type")
        if kind == "COMPARE_EQUAL":
            for column, value in ((part["left"], part["right"]), (part["right"], part["left"])):
                if _is_slide(column, names):
                    return _constants([value], parameters)
        if kind == "COMPARE_IN" and _is_slide(part["children"][0], names):
            return _constants(part["children"][1:], parameters)
    raise _AllSlides


def _conjuncts(where: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    if where is None:
        return
    if where.get("type") == "CONJUNCTION_AND":
        for part in where["children"]:
            yield from _conjuncts(part)
    else:
        yield where


def _is_slide(node: Mapping[str, Any], names: set[str]) -> bool:
    """Tell whether this is the column slide_id of the table with one of these names, and not of one outside."""
    if node.get("class") != "COLUMN_REF":
        return False
    *table, column = (part.lower() for part in node["column_names"])
    return column == "slide_id" and (not table or table[-1] in names)


def _constants(nodes: list[Mapping[str, Any]], parameters: Mapping[str, object]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        value: object = None
        if node.get("class") == "CONSTANT":
            held = node["literal"] if "literal" in node else node["value"]
            value = held.get("text") if held.get("kind") == "STRING" else held.get("value")
        elif node.get("class") == "PARAMETER":
            value = parameters.get(str(node.get("identifier")))
        if not isinstance(value, str) or not _PLAIN.fullmatch(value):  # what is escaped in the tree is not read back here
            raise _AllSlides
        found.add(value)
    return found
