"""Table 1 as a reader sees it: words instead of column names, as a table for the terminal, Markdown, HTML and CSV, and its files."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd

from her2ladder.analytics.cohort.characteristics import MEDIAN
from her2ladder.analytics.cohort.selection import is_synthetic
from her2ladder.analytics.figures.save import save_figure
from her2ladder.analytics.figures.style import PAGE_MM, Sheet
from her2ladder.analytics.figures.words import p_value
from her2ladder.analytics.results.files import write_rows
from her2ladder.analytics.statistics.baseline import OVERALL, Row
from her2ladder.analytics.table1.figure import patient_flow_figure
from her2ladder.analytics.table1.stage import TableOne
from her2ladder.schema.lake import write_whole

WORDS = {
    "n": "Patients",
    "age_years": "Age, years",
    "clinical_stage": "Clinical stage",
    "hr_status": "Hormone receptor status",
    "her2_ihc": "HER2 IHC",
    "tils_percent": "TILs, %",
    "setting": "Setting",
    "regimen": "Regimen",
    "is_pcr": "Pathological complete response",
    "os_months": "Overall survival",
    "dfs_months": "Disease-free survival",
}
LEVELS = {("is_pcr", "0"): "residual disease", ("is_pcr", "1"): "pCR"}
NOTES = (
    "n (%) of the patients with a value; median [quartiles, type 7]; Missing: n (%) of all patients of the group, in no denominator.",
    "P compares the groups by the test named; SMD: standardised mean difference, the largest over pairs of groups.",
)


def readable(done: TableOne) -> list[dict[str, str]]:
    """Return the table as text: Variable, Level, one column a group, Overall, P, Test, SMD."""
    return [_line(row, done.groups) for row in done.printed]


def _line(row: Row, groups: tuple[str, ...]) -> dict[str, str]:
    cells = {cell.group: "no value" if row.level == MEDIAN and not cell.n else str(cell) for cell in row.cells}
    line = {"Variable": WORDS.get(row.variable, row.variable), "Level": LEVELS.get((row.variable, row.level), row.level)}
    line |= {name: cells[name] for name in (*groups, OVERALL)}
    return line | {"P": "" if row.p is None else p_value(row.p), "Test": row.test, "SMD": "" if row.smd is None else f"{row.smd:.2f}"}


def markdown(done: TableOne) -> str:
    """Return table, flow and notes as Markdown."""
    parts = [f"# Baseline by {done.by} ({done.cohort})", *_marks(done)]
    parts += [_markdown_table(readable(done)), "## Patient flow", _markdown_table(_flow_lines(done)), *NOTES, f"Run {done.run}."]
    return "\n\n".join(parts) + "\n"


def html(done: TableOne) -> str:
    """Return table, flow and notes as one HTML page that needs nothing else; every text of the store is escaped."""
    marks = "".join(f"<p><strong>{escape(mark)}</strong></p>" for mark in _marks(done))
    title = escape(f"Baseline by {done.by} ({done.cohort})")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>'
        "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#16181d}table{border-collapse:collapse;margin:1em 0}"
        "th,td{padding:.25em .7em;text-align:left;border-bottom:1px solid #d9dce1;vertical-align:top}"
        "td{font-variant-numeric:tabular-nums}</style></head>"
        f"<body><h1>{title}</h1>{marks}{_html_table(readable(done))}<h2>Patient flow</h2>{_html_table(_flow_lines(done))}"
        + "".join(f"<p>{escape(note)}</p>" for note in (*NOTES, f"Run {done.run}."))
        + "</body></html>\n"
    )


def export_table(done: TableOne, folder: Path) -> list[Path]:
    """Write the table (CSV, Markdown, HTML), its rows (CSV, Parquet) and the flow figure (PNG, SVG, CSV); return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(readable(done)).assign(run=done.run)
    written = [write_whole(folder / "table1.csv", table.to_csv(index=False, lineterminator="\n").encode())]
    written.append(write_whole(folder / "table1.md", markdown(done).encode()))
    written.append(write_whole(folder / "table1.html", html(done).encode()))
    written += write_rows(done.rows, folder / "table1_rows")
    sheet = Sheet(PAGE_MM, title="Patient flow", run_ids=(done.run,), synthetic=is_synthetic(done.patients))
    return written + save_figure(
        patient_flow_figure(done.flow, sheet=sheet), folder / "patient_flow", {"flow": done.flow.assign(run=done.run)}
    )


def _marks(done: TableOne) -> list[str]:
    return ["SYNTHETIC DATA"] if is_synthetic(done.patients) else []


def _flow_lines(done: TableOne) -> list[dict[str, str]]:
    flow = done.flow
    return [
        {"Cohort": str(row.cohort), "Step": str(row.step), "Reason": "" if row.reason is None else str(row.reason), "n": str(int(row.n))}
        for row in flow.itertuples()
    ]


def _markdown_table(lines: list[dict[str, str]]) -> str:
    def row(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    if not lines:
        return "(none)"
    names = list(lines[0])
    return "\n".join([row(names), row(["---"] * len(names)), *(row(list(line.values())) for line in lines)])


def _html_table(lines: list[dict[str, str]]) -> str:
    if not lines:
        return "<p>(none)</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in lines[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line.values()) + "</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
