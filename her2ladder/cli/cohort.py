"""ladder odds · survival: association with response, and survival by band or covariate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show

SHOWN = ("subgroup", "term", "metric", "value", "lo", "hi", "p", "n", "events", "test", "note")

Score = Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score; its bands, or per 0.1.")]
Cohort = Annotated[str | None, typer.Option("--cohort", help="Cohorts or roles to pool, comma-separated; default all.")]
Setting = Annotated[str | None, typer.Option("--setting", help="neoadjuvant or adjuvant; default both.")]
Within = Annotated[str | None, typer.Option("--within", metavar="COLUMN", help="Also in each level of this column, regimen say.")]
Adjust = Annotated[str, typer.Option("--adjust", help="Covariates of the multivariable model, comma-separated; '' for none.")]
Folder = Annotated[Path | None, typer.Option("-o", "--output", help="Folder for figures and tables.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(odds)
    app.command()(survival)


def odds(
    context: typer.Context,
    score: Score = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COVARIATE", help="A covariate instead of a score; a number of 3 or more values is per unit."),
    ] = None,
    within: Within = None,
    outcome: Annotated[str, typer.Option("--outcome", help="residual or pcr: what the odds are of.")] = "residual",
    cohort: Cohort = None,
    setting: Setting = None,
    adjust: Adjust = "age_years,clinical_stage",
    output: Folder = None,
) -> None:
    """Odds ratios by logistic regression: the score per 0.1 beside clinical variables, alone and adjusted, and by regimen.

    Example: `ladder odds --score ladder-demo --within regimen`
    """
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.odds.stage import odds as compute

    store = open_store(context)
    chosen = selection(cohort, setting, store)
    done = compute(store, chosen, score_name=score, by=by, within=within, outcome=outcome, adjust=_names(adjust))
    show(done.rows, as_json=globals_of(context).as_json, columns=SHOWN)
    for remark in done.remarks:
        say(remark)
    if output is not None:
        from her2ladder.analytics.odds.files import export_odds

        say(f"{len(export_odds(done, output))} files in {output}")


def survival(
    context: typer.Context,
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="dfs, os, or any NAME with NAME_months and NAME_event in the clinical table: efs, pfs …")
    ] = "dfs",
    score: Score = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            help="band (default with --score), score (per 0.1), or a covariate; a number of 7 or more values is per unit.",
        ),
    ] = None,
    within: Within = None,
    cohort: Cohort = None,
    setting: Setting = None,
    times: Annotated[str, typer.Option("--times", help="Months at which survival is given, comma-separated.")] = "0,12,24,36,48,60",
    interval: Annotated[str, typer.Option("--interval", help="log-log, or log (R's default).")] = "log-log",
    adjust: Adjust = "age_years,clinical_stage,hr_status",
    method: Annotated[
        str,
        typer.Option(
            "--method", help="Of the Cox models: cox (maximum likelihood), firth, or auto (Firth where events are few or one-sided)."
        ),
    ] = "auto",
    rmst: Annotated[
        float | None, typer.Option("--rmst", metavar="MONTHS", help="Also the restricted mean survival time up to here.")
    ] = None,
    output: Folder = None,
) -> None:
    """Kaplan-Meier, log-rank and Cox by band or covariate, with follow-up and checks; -o exports curves and tables.

    Example: `ladder survival --score ladder-demo --endpoint os --cohort adjuvant -o results`
    """
    from her2ladder.analytics.cohort.bands import band_remark
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.survival.asked import Asked
    from her2ladder.analytics.survival.stage import default_by
    from her2ladder.analytics.survival.stage import survival as compute
    from her2ladder.errors import InputError

    if score is None and by is None:
        raise InputError("survival: wanted --score NAME (its bands), or --by COVARIATE")
    try:
        months = tuple(float(part) for part in times.split(",") if part.strip())
    except ValueError:
        raise InputError(f"--times: wanted months, comma-separated, found {times!r}") from None
    store = open_store(context)
    asked = Asked(endpoint, by or default_by(store, str(score)), score, within, months, interval, _names(adjust), method, rmst)
    done = compute(store, selection(cohort, setting, store), asked)
    show(done.rows, as_json=globals_of(context).as_json, columns=SHOWN)
    if done.no_bands:
        say(f"no bands, the score itself instead: {done.no_bands}")
    for remark in (band_remark(store, str(score)) if asked.by == "band" else "", *done.remarks):
        if remark:
            say(remark)
    if output is not None:
        from her2ladder.analytics.survival.files import export_survival

        say(f"{len(export_survival(done, output))} files in {output}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
