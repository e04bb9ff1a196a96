"""ladder train · score: the HER2-LADDER model."""

from __future__ import annotations

from typing import Annotated

import typer

from her2ladder.cli.context import globals_of, open_store
from her2ladder.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(train)
    app.command()(score)


def train(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="Name of the model and of its score.")],
    features: Annotated[str, typer.Option("--features", metavar="SET", help="sc-mtop, or an imported feature set.")] = "sc-mtop",
    cohort: Annotated[str, typer.Option("--cohort", help="Cohorts or roles to learn from, comma-separated.")] = "construction",
    clinical: Annotated[
        str, typer.Option("--clinical", help="Clinical variables, comma-separated.")
    ] = "age_years,clinical_stage,hr_status",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same scores, whatever the workers.")] = 1,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Parameter draws per candidate.")] = 40,
    folds: Annotated[int, typer.Option("--folds", min=0, help="Outer folds; 0 is leave-one-out.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Times the outer folds are cut anew.")] = 3,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; default: one a core.")] = None,
) -> None:
    """Train the ensemble by nested cross-validation; write its scores, cuts and threshold.

    Example: `ladder train --name ladder-v1`
    """
    import os

    from her2ladder.analytics.cohort.selection import selection
    from her2ladder.analytics.explain.card import write_card
    from her2ladder.analytics.learning.nested import Settings
    from her2ladder.analytics.model.stage import train_model
    from her2ladder.cli.progress import Progress

    store = open_store(context)
    settings = Settings(seed=seed, budget=budget, outer_folds=folds, repeats=1 if folds == 0 else repeats)
    with Progress("fits", "fits") as progress:
        done = train_model(
            store,
            name,
            selection(cohort, None, store),
            settings,
            feature_set=features,
            clinical=tuple(part.strip() for part in clinical.split(",") if part.strip()),
            workers=workers or os.cpu_count() or 1,
            said=lambda n, total, what: progress(n, total),
        )
    rows = [{"model": m, "weight": w} for m, w in done.fitted.ensemble.weights.items()]
    if globals_of(context).as_json:
        told = {
            "model_id": done.model_id,
            "name": name,
            "run": done.run,
            "n": done.n,
            "events": done.events,
            "weights": done.fitted.ensemble.weights,
        }
        show([told], as_json=True)
    else:
        show(rows, as_json=False)
    say(f"{done.model_id}: {done.n} patients, {done.events} with residual disease, run {done.run}")
    if done.n_without_features:
        say(f"left out: {done.n_without_features} patients with an outcome but without features of the set {features}")
    if done.left_out:
        say(f"left out: columns that are constant or missing for all patients: {', '.join(done.left_out)}")
    for line in done.missing.words():
        say(line)
    say(f"model card in {write_card(store, name, store.root / 'models' / done.model_id / 'card.md')}")
    say(f"next: ladder score --model {name}; ladder evaluate --score {name}")


def score(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", help="Name or id of the model.")],
) -> None:
    """Score every patient that has the model's features; those it was trained on keep their out-of-fold scores.

    Example: `ladder score --model ladder-v1`
    """
    from her2ladder.analytics.model.stage import score_patients

    done = score_patients(open_store(context), model)
    row = {
        "run": done.run,
        "score": done.name,
        "n_scored": done.n_scored,
        "n_out_of_fold": done.n_training,
        "n_with_missing": done.n_with_missing,
    }
    show([row], as_json=globals_of(context).as_json)
    if done.missing:
        worst = sorted(done.missing.items(), key=lambda item: -item[1])[:5]
        say("missing and filled by the model's rule: " + ", ".join(f"{feature} ({n} patients)" for feature, n in worst))
