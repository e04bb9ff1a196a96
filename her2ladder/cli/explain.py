"""ladder explain · card: what a model looks at, and what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(explain)
    app.command()(card)


def explain(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", help="Name or id of the model.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for figures, SHAP values and the model card.")] = None,
    cohort: Annotated[
        str | None, typer.Option("--cohort", metavar="NAME|ROLE[,…]", help="Patients to explain; default: those it was trained on.")
    ] = None,
    walks: Annotated[int, typer.Option("--walks", min=1, help="Background patients that each patient is compared with.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Seed of background and orders.")] = 1,
    top: Annotated[int, typer.Option("--top", min=1, help="Features shown of each model.")] = 15,
) -> None:
    """SHAP values of each sub-model and of the vote, on the probability scale; figures, values and the model card with -o.

    All models share the same walks, so the vote's values are the weighted mean of its members'.

    Example: `ladder explain --model ladder-demo -o explained`
    """
    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.explain.card import write_card
    from her2ladder.analytics.explain.stage import explain_model, write_explanation

    store = open_store(context)
    done = explain_model(store, model, selection(cohort, None, store) if cohort else None, seed=seed, walks=walks)
    if globals_of(context).as_json:
        show(done.rows, as_json=True)
    else:
        vote = done.importance[done.importance["model"] == "ensemble"].head(top)
        show(vote[["feature", "value", "source", "family"]].to_dict("records"), as_json=False, title="Mean |SHAP| of the vote")
    if output is not None:
        paths = [*write_explanation(done, output, top=top), write_card(store, model, output / "card.md")]
        say(f"{len(paths)} files in {output}")
    say(f"{done.n} patients explained, run {done.run} (analysis_result, analysis = 'explain', metric = 'mean_abs_shap')")


def card(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", help="Name or id of the model.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: stdout.")] = None,
) -> None:
    """The model card in Markdown, from what the store says now: use, training cohort, features, performance, limits, versions.

    `train` leaves the card of that day beside the model's files (models/ID/card.md); `explain -o DIR` writes DIR/card.md.

    Example: `ladder card --model ladder-demo -o card.md`
    """
    from her2ladder.analytics.explain.card import model_card, write_card

    store = open_store(context)
    if output is None:
        text = model_card(store, model)
        if globals_of(context).as_json:
            show([{"model": model, "card": text}], as_json=True)
        else:
            typer.echo(text, nl=False)
    else:
        say(f"model card in {write_card(store, model, output)}")
