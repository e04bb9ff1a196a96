"""ladder evaluate: how good a score is, in every cohort and subgroup, beside its rivals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(evaluate)


def evaluate(
    context: typer.Context,
    score: Annotated[str, typer.Option("--score", metavar="NAME", help="Score of the store, trained or imported.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="[RIVAL]...", help="Further rivals after --against.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Variables whose levels are subgroups, comma-separated: cohort,regimen.")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="NAME|VARIABLE", help="Rival: a score or a clinical variable; default: all clinical variables."),
    ] = None,
    cohort: Annotated[
        str | None, typer.Option("--cohort", metavar="NAME|ROLE[,…]", help="Cohorts or roles, pooled; default: all, and each role.")
    ] = None,
    setting: Annotated[str | None, typer.Option("--setting", help="neoadjuvant or adjuvant.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of every bootstrap.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for figures (PNG, SVG, CSV) and the rows.")] = None,
) -> None:
    """Evaluate a score: AUC, AP, Brier, calibration, threshold metrics, net benefit, DeLong against its rivals.

    The threshold and the tertile cuts are frozen on construction patients at first use. On these same patients the rates at the
    threshold are marked `cut_on_same_patients` and stand beside cross-fitted ones (`sensitivity_crossfitted`, …). Of a trained model the
    out-of-fold scores are evaluated; the in-sample ones stand beside them as `NAME (apparent)`, the sub-models by their names.

    Example: `ladder evaluate --score ladder-demo --by regimen`
    """
    from her2ladder.analytics.evaluate.stage import evaluate as stage
    from her2ladder.errors import InputError

    rivals = _words(against) + _words(more)
    if more and not against:
        raise InputError(f"wanted rivals after --against, found {' '.join(more)}; write --against {' '.join(more)}")
    done = stage(
        open_store(context),
        score,
        by=_words([by] if by else None),
        against=rivals or None,
        cohort=cohort,
        setting=setting,
        seed=seed,
    )
    if globals_of(context).as_json:
        show(done.rows, as_json=True)
    else:
        _print(done.rows, done.directions)
    if output is not None:
        from her2ladder.analytics.evaluate.files import write_pictures

        say(f"{len(write_pictures(done, output))} files in {output}")
    if done.no_threshold:
        say(f"no threshold metrics: {done.no_threshold}")
    say(f"{len(done.rows)} rows, run {done.run} (analysis_result, analysis = 'evaluate'; net benefit at 0.01 to 0.99 among them)")


def _words(given: list[str] | None) -> list[str]:
    return list(dict.fromkeys(part.strip() for text in given or () for part in text.split(",") if part.strip()))


def _print(rows: list[dict[str, object]], directions: list[dict[str, str]]) -> None:
    """Print what fits a screen: a line a cohort, subgroup and term; the differences to the rivals; how each was turned."""
    from her2ladder.analytics.evaluate.summary import differences, overview

    show(overview(rows), as_json=False, title="Performance")
    compared = differences(rows)
    if compared:
        show(compared, as_json=False, title="AUC of the score minus that of each rival (paired DeLong)")
    show(directions, as_json=False, title="Direction of each, fixed before any data is seen")
    for note in sorted({str(row["note"]) for row in rows if row["value"] is None and row["note"] and row["metric"] != "net_benefit"}):
        say(f"no value: {note}")
