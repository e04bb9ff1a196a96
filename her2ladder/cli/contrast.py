"""ladder contrast: features between bands, or any two groups of patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show

if TYPE_CHECKING:
    from her2ladder.analytics.contrast.stage import Contrasted


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(contrast)


def contrast(
    context: typer.Context,
    between: Annotated[str, typer.Option("--between", metavar="COLUMN", help="band, is_pcr, or a covariate.")] = "band",
    score: Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score whose bands are meant; default the only one.")] = None,
    features: Annotated[
        str | None, typer.Option("--features", help="paper (Fig. 6, 7), names a,b, SET: or SET:a,b of an imported set; default all.")
    ] = None,
    pairs: Annotated[str | None, typer.Option("--pairs", help="A,B or all; default High,Low for bands, all for a covariate.")] = None,
    cohort: Annotated[
        str | None, typer.Option("--cohort", help="Cohorts or roles, comma-separated; default construction and temporal_validation.")
    ] = None,
    setting: Annotated[str | None, typer.Option("--setting", help="neoadjuvant or adjuvant; default both.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for box plots and tables.")] = None,
) -> None:
    """Contrast features between bands and, beside it, between response groups: Wilcoxon rank-sum, effect, medians.

    Example: `ladder contrast --between band --features paper`
    """
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.contrast.stage import contrast as contrast_stage
    from her2ladder.analytics.contrast.stage import default_population

    store = open_store(context)
    asked = cohort if cohort is not None else default_population(store)
    done = contrast_stage(store, selection(asked, setting, store), between, score_name=score, features=features, pairs=pairs)
    if globals_of(context).as_json:
        show(done.rows, as_json=True)
    else:
        show(_table(done), as_json=False, title=f"Contrasts ({done.cohort}), run {done.run}")
    _talk(done)
    if output is not None:
        from her2ladder.analytics.contrast.files import export_contrast

        for path in export_contrast(done, output):
            say(f"wrote {path}")


def _table(done: Contrasted) -> list[dict[str, Any]]:
    """Return one line a feature and pair, both corrections and both medians in it."""
    medians = {(row["subgroup"], row["term"]): row["value"] for row in done.rows if row["metric"] == "median"}
    strict = {(row["subgroup"], row["term"]): row["p_adjusted"] for row in done.rows if row["metric"] == "rank_sum_bonferroni"}
    lines = []
    for row in done.rows:
        if row["metric"] != "rank_sum":
            continue
        a, b = next(((a, b) for one in done.betweens for a, b in one.pairs if f"{a} vs {b}" == row["subgroup"]), ("", ""))
        key = (row["subgroup"], row["term"])
        line = {"feature": row["term"], "groups": row["subgroup"], "median A": medians.get((a, row["term"]))}
        line |= {"median B": medians.get((b, row["term"])), "rank-biserial": row["value"], "n": row["n"], "p": row["p"]}
        lines.append(line | {"p (Benjamini-Hochberg)": row["p_adjusted"], "p (Bonferroni)": strict.get(key), "note": row["note"]})
    return lines


def _talk(done: Contrasted) -> None:
    if done.score_name is not None:
        say(f"bands of the score {done.score_name}; P between bands is descriptive: bands are functions of these features")
    if done.left_out:
        say("not contrasted: " + "; ".join(f"{n} patients: {why}" for why, n in done.left_out.items()))
    say(f"features: {done.source}; cohorts: {done.cohort}; run {done.run}: {len(done.rows)} rows")
