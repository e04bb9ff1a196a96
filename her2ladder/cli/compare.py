"""ladder compare: pCR rates by band and regimen, every pair compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show

if TYPE_CHECKING:
    from her2ladder.analytics.compare.stage import Compared


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(compare)


def compare(
    context: typer.Context,
    score: Annotated[str | None, typer.Option("--score", metavar="NAME", help="Score whose bands are compared.")] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="[SUBGROUP,]COLUMN", help="band,regimen (default with --score), or one or two covariates."),
    ] = None,
    as_: Annotated[str | None, typer.Option("--as", metavar="paper", help="paper: its groups, its test and its factor of 30.")] = None,
    cohort: Annotated[str | None, typer.Option("--cohort", help="Cohorts or roles to pool, comma-separated; default all.")] = None,
    setting: Annotated[str | None, typer.Option("--setting", help="neoadjuvant or adjuvant; default both.")] = None,
    no_correction: Annotated[bool, typer.Option("--no-correction", help="Leave P values unadjusted.")] = False,
    holm: Annotated[bool, typer.Option("--holm", help="Holm instead of Bonferroni.")] = False,
    fdr: Annotated[bool, typer.Option("--fdr", help="Benjamini-Hochberg instead of Bonferroni.")] = False,
    test: Annotated[str, typer.Option("--test", help="pearson (no continuity correction) or fisher.")] = "pearson",
    interval: Annotated[str, typer.Option("--interval", help="wilson or clopper-pearson.")] = "wilson",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for figure and tables.")] = None,
) -> None:
    """Compare pCR rates of regimens within every band (or of any groups), all pairs, corrected over pairs x bands.

    Example: `ladder compare --score ladder-v1 --by band,regimen`
    """
    from her2ladder.analytics.cohort.bands import band_remark
    from her2ladder.analytics.cohort.groups import columns_named
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.compare.stage import CompareOptions
    from her2ladder.analytics.compare.stage import compare as compare_stage
    from her2ladder.errors import InputError

    store = open_store(context)
    if as_ not in (None, "paper"):
        raise InputError(f"--as: wanted paper, found {as_!r}")
    if by is None and score is None:
        raise InputError("compare: wanted --score NAME (its bands by regimen), or --by COLUMN for a covariate")
    if as_ and setting not in (None, "neoadjuvant"):
        raise InputError(f"--as paper speaks of the neoadjuvant setting; found --setting {setting}")
    options = CompareOptions(
        by=columns_named(by or "band,regimen", "--by", 2),
        score_name=score,
        as_paper=as_ == "paper",
        correction=_correction(no_correction, holm, fdr),  # type: ignore[arg-type]
        test=test,  # type: ignore[arg-type]
        interval=interval,  # type: ignore[arg-type]
    )
    done = compare_stage(store, selection(cohort, setting, store), options)
    if globals_of(context).as_json:
        show(done.rows, as_json=True)
    else:
        _tables(done)
    is_by_band = "band" in options.by
    if is_by_band and (remark := band_remark(store, str(score))):
        say(remark)
    _talk(done, None if is_by_band else score)
    if output is not None:
        from her2ladder.analytics.compare.files import export_comparison

        for path in export_comparison(done, output):
            say(f"wrote {path}")


def _correction(no_correction: bool, holm: bool, fdr: bool) -> str:
    from her2ladder.errors import InputError

    asked = [name for name, is_asked in (("none", no_correction), ("holm", holm), ("fdr", fdr)) if is_asked]
    if len(asked) > 1:
        raise InputError("correction: wanted one of --no-correction, --holm, --fdr, found several")
    return asked[0] if asked else "bonferroni"


def _tables(done: Compared) -> None:
    """Print the rates, then the comparisons; what stands beside them is in the store."""
    suggestion = {row["subgroup"]: row["term"] for row in done.rows if row["metric"] == "suggestion"}
    rates: list[dict[str, Any]] = []
    for row in done.rows:
        if row["metric"] == "pcr_rate":
            shown = {name: row[name] for name in ("subgroup", "term", "events", "n", "value", "lo", "hi", "test")}
            shown = {"pCR" if name == "events" else "rate" if name == "value" else name: value for name, value in shown.items()}
            if suggestion:
                shown["the paper's suggestion (not from these data, not for clinical use)"] = suggestion.get(row["subgroup"], "")
            rates.append({**shown, "note": row["note"]})
    show(rates, as_json=False, title=f"pCR rates, {done.cohort}, run {done.run}")
    fisher = {(row["subgroup"], row["term"]): row["p"] for row in done.rows if row["metric"] == "pcr_comparison_fisher"}
    pairs = [
        {
            "subgroup": row["subgroup"],
            "pair": row["term"],
            "difference": row["value"],
            "lo": row["lo"],
            "hi": row["hi"],
            "n": row["n"],
            "p": row["p"],
            "p_adjusted": row["p_adjusted"],
            "fisher_p": fisher.get((row["subgroup"], row["term"])),
            "test": row["test"].partition(";")[0],
            "family": row["family"],
            "note": (row["note"] or "").partition(":")[0],
        }
        for row in done.rows
        if row["metric"] == "pcr_comparison"
    ]
    if pairs:
        show(pairs, as_json=False, title="every pair: difference of rates A - B with Newcombe's interval")


def _talk(done: Compared, unused_score: str | None) -> None:
    if unused_score is not None:
        say(f"--score {unused_score} is not used: --by does not name band")
    if done.left_out:
        say("not compared: " + "; ".join(f"{n} patients: {why}" for why, n in done.left_out.items()))
    first = next((row for row in done.rows if row["metric"] == "pcr_comparison"), None)
    if first is None:
        say("one group alone: there is no pair to compare")
    else:
        say(f"test: {first['test']}; family: {first['family']}")
    if done.cohort.startswith("as paper"):
        say("as paper: three of its five numeric adjusted P come out so to all printed digits; 0.143 and 0.085 do not (paper inconsistent)")
    say("groups are not randomised: baseline, adjusted odds and the table without construction patients stand beside, in analysis_result")
    say(f"run {done.run}: {len(done.rows)} rows")
