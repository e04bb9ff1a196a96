"""The model card: what a stored model is for, what it learned from, how good it is, and where its limits lie, in Markdown.

Everything in it is read from the store when it is written; no number is typed. The fields follow Mitchell et al. 2019 (Model Cards).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from her2ladder.analytics.cohort.selection import Selection, is_synthetic
from her2ladder.analytics.evaluate.frames import Numbers
from her2ladder.analytics.evaluate.groups import Group
from her2ladder.analytics.evaluate.rows import APPARENT, CROSSFITTED
from her2ladder.analytics.evaluate.stage import Evaluation, frozen, measure
from her2ladder.analytics.model.composition import candidates_tried, features_selected
from her2ladder.analytics.model.missingness import Missing
from her2ladder.analytics.model.stored import RIVAL, TrainedScore, load_model, newest_model
from her2ladder.queries.run import Run
from her2ladder.schema.lake import write_whole
from her2ladder.schema.store import Store

USE = """Predicts the probability of residual disease (non-pCR) after neoadjuvant anti-HER2 therapy from spatial features of paired H&E
and HER2 slides and from clinical variables; a high score means resistance. **For research use only, not for clinical use**: it has
not been validated as a medical device, regimens in its cohorts are not randomised, and its bands are no treatment recommendation."""
KINDS = {"out_of_fold": "out-of-fold", "final": "final model"}
FEW_EVENTS = 100
"""Fewer patients of the rarer outcome than this and the card says so (chosen: the usual least for judging a model, Collins et al. 2016)."""


def write_card(store: Store, name: str, path: Path) -> Path:
    """Write the card of a model to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, model_card(store, name).encode())


def model_card(store: Store, name: str) -> str:
    """Return the card of the newest model of a name (or id), in Markdown.

    raises   MissingError where there is no such model; InputError where none of its patients is left in the store
    """
    with store.reading() as con:
        row = newest_model(Run(store, "card", {}, con), name)
    score_name = str(row["name"])
    cuts = frozen(store, score_name)
    with store.reading() as con:
        this = Run(store, "card", {}, con)
        rival = score_name + RIVAL
        has_rival = bool(con.execute("SELECT 1 FROM score_current WHERE score_name = ? LIMIT 1", [rival]).fetchall())
        found = measure(this, score_name, Selection(), cuts, against=[rival] if has_rival else [])
        trained = this.fetch("evaluate/training_run", run=row["run"]).to_pylist()[0]
    assert found.trained is not None  # a model writes out-of-fold and apparent scores when it is trained
    details = load_model(store.root, row).card
    outcome = found.people.dropna(subset=["residual"]).set_index("patient_id")["residual"]
    parts = [
        _head(row, trained, found),
        f"## Intended use\n\n{USE}",
        _cohort(row, found, details),
        _procedure(found.trained, outcome, details),
        _performance(found, rival if has_rival else None),
        _features(found.trained, details),
        _limits(found),
        _origin(row, trained, details),
    ]
    return "\n\n".join(parts) + "\n"


def _head(row: Mapping[str, Any], trained: Mapping[str, Any], found: Evaluation) -> str:
    synthetic = "\n\n**SYNTHETIC DATA**: patients of this store are simulated." if is_synthetic(found.people) else ""
    born = f"Model `{row['model_id']}`, trained {trained['started']:%Y-%m-%d} (UTC) in run {row['run']}."
    return f"# Model card: {row['name']}\n\n{born}{synthetic}"


def _cohort(row: Mapping[str, Any], found: Evaluation, details: Mapping[str, Any]) -> str:
    """Who the model learned from; counts are of patients that are in the store now."""
    assert found.trained is not None
    people = found.people[found.people["patient_id"].isin(found.trained.apparent.index)]
    lines = [{"": "patients", "n": str(len(people))}]
    for column in ("cohort", "setting", "regimen", "hr_status", "her2_ihc", "clinical_stage"):
        for level, n in people[column].fillna("not known").value_counts().sort_index().items():
            lines.append({"": f"{column}: {level}", "n": f"{n} ({100 * n / len(people):.0f} %)"})
    ages = people["age_years"].dropna().astype(float)
    if len(ages):
        lines.append({"": "age, median [range], years", "n": f"{ages.median():.0f} [{ages.min():.0f}–{ages.max():.0f}]"})
    told = details["training"]
    text = (
        f"Asked for: `{row['cohort']}`. {told['patients']} patients, {told['residual_disease']} with residual disease."
        f" Fingerprint of ids, features and outcomes: `{told['fingerprint'][:16]}`."
    )
    held = found.trained.summary.get("missing")
    lines_of = Missing(**held).words() or ["none"] if held else ["not recorded when this model was trained"]
    lacking = "\n".join(f"- {line}" for line in lines_of)
    return f"## Training cohort\n\n{text}\n\n{table(lines)}\n\nMissing features:\n\n{lacking}"


def _procedure(trained: TrainedScore, outcome: pd.Series, details: Mapping[str, Any]) -> str:
    settings = details["settings"]
    folds = "leave-one-out" if settings["outer_folds"] == 0 else f"{settings['outer_folds']} outer folds x {settings['repeats']} repeats"
    text = (
        f"Nested cross-validation: {folds}, {settings['inner_folds']} inner folds, {settings['budget']} parameter draws a candidate, seed"
        f" {settings['seed']}. Filters, imputation, scaling, selection, tuning, weights, cuts and threshold are learned inside the training"
        " folds; the final vote is the whole procedure once more on all training patients. Nothing is recalibrated after the vote."
    )
    members = [
        {"member": m["label"], "weight": f"{m['weight']:.2f}", "parameters": ", ".join(f"{k} = {v}" for k, v in m["params"].items())}
        for m in details["members"]
    ]
    cuts = (
        f"Frozen on the out-of-fold scores of the training patients: Low <= {details['q1']:.6g} < Medium <= {details['q2']:.6g} < High;"
        f" residual disease is predicted where score >= {details['threshold']:.6g} (Youden)."
    )
    tried = [
        {
            "candidate": row.label,
            "draws": str(row.draws),
            "inner AUC": f"{row.inner_auc:.3f}",
            "out-of-fold AUC alone": "not defined" if pd.isna(row.value) else f"{row.value:.3f}",
        }
        for row in candidates_tried(trained, outcome).itertuples()
    ]
    return f"## Procedure\n\n{text}\n\nThe vote:\n\n{table(members)}\n\nCandidates tried:\n\n{table(tried)}\n\n{cuts}"


def _performance(found: Evaluation, rival: str | None) -> str:
    numbers = Numbers(found.rows)
    cohorts = [group for group in found.groups if not group.by][1:]
    lines = []
    for group in cohorts:
        is_trained = "out_of_fold" in group.kinds
        whose = " and ".join(word for kind, word in KINDS.items() if kind in group.kinds)
        lines.append(_line(numbers, group, found.score_name, f"{group.chosen.label}: {whose}"))
        if is_trained:
            lines.append(_line(numbers, group, f"{found.score_name} (apparent)", f"{group.chosen.label}: apparent (in-sample)"))
        if rival:
            lines.append(_line(numbers, group, rival, f"{group.chosen.label}: clinical-only rival"))
    notes = [
        "AUC with DeLong's interval on the logit; AP and Brier with stratified bootstrap intervals (2,000); rates with Wilson intervals at"
        " the frozen threshold. On training patients they are read at a threshold learned on the same patients; cross-fitted rates stand in"
        " square brackets.",
        f"Apparent: {APPARENT}.",
        *(_mean_of_repeats(numbers, group, found.score_name) for group in cohorts),
        *(_against_rival(numbers, group, found.score_name, rival) for group in cohorts if rival),
    ]
    return f"## Performance\n\n{table(lines)}\n\n" + "\n".join(f"- {note}" for note in notes if note)


def _line(numbers: Numbers, group: Group, term: str, name: str) -> dict[str, str]:
    def cell(metric: str, digits: int = 2) -> str:
        row = numbers.row(group, term, metric)
        if row is None:
            return ""
        if row["value"] is None:
            return "not defined"
        text = f"{row['value']:.{digits}f}" + ("" if row["lo"] is None else f" ({row['lo']:.{digits}f} to {row['hi']:.{digits}f})")
        honest = numbers.row(group, term, metric + CROSSFITTED)
        return text + (f" [{honest['value']:.{digits}f}]" if honest and honest["value"] is not None else "")

    auc = numbers.row(group, term, "auc")
    sizes = {"n": str(auc["n"]), "residual": str(auc["events"])} if auc else {"n": "", "residual": ""}
    metrics = {"AUC": "auc_logit", "AP": "ap", "sensitivity": "sensitivity", "specificity": "specificity", "slope": "calibration_slope"}
    return {"": name, **sizes, **{head: cell(metric) for head, metric in metrics.items()}, "Brier": cell("brier", 3)}


def _mean_of_repeats(numbers: Numbers, group: Group, term: str) -> str:
    row = numbers.row(group, term, "auc_mean_of_repeats")
    return (
        ""
        if row is None or row["value"] is None
        else f"{group.chosen.label}: mean of the per-repeat AUCs {row['value']:.3f} ({row['note']})."
    )


def _against_rival(numbers: Numbers, group: Group, term: str, rival: str | None) -> str:
    row = numbers.row(group, f"{term} - {rival}", "auc_difference")
    if row is None or row["value"] is None or row["p"] is None:
        return ""
    return (
        f"{group.chosen.label}: AUC minus that of the clinical-only model {row['value']:.3f} ({row['lo']:.3f} to {row['hi']:.3f}),"
        f" paired DeLong p = {row['p']:.3g}, n = {row['n']}."
    )


def _features(trained: TrainedScore, details: Mapping[str, Any]) -> str:
    chosen = features_selected(trained)
    voting = chosen[chosen["is_in_vote"]]
    lines = [
        {"feature": row.feature, "source": row.source, "family": row.family, "share of outer folds": f"{100 * row.value:.0f} %"}
        for row in voting.itertuples()
    ]
    kinds = ", ".join(f"{n} {source}" for source, n in voting["source"].value_counts().sort_index().items())
    text = (
        f"Feature set `{trained.row['feature_set']}` and {', '.join(trained.summary['clinical']) or 'no clinical variable'}:"
        f" {len(details['features'])} columns offered, {len(voting)} seen by the final vote ({kinds}). A missing value is filled by the"
        " training median, with a flag where the training patients had gaps."
    )
    return f"## Features\n\n{text}\n\n{table(lines)}"


def _limits(found: Evaluation) -> str:
    assert found.trained is not None
    told = found.trained.summary
    fewer = min(told["events"], told["n"] - told["events"])
    roles = [group.chosen.label for group in found.groups[1:] if not group.by and "out_of_fold" not in group.kinds]
    limits = [
        f"{fewer} training patients of the rarer outcome for {len(told['columns'])} columns"
        + (f": fewer than {FEW_EVENTS}, so that every estimate here is wide" if fewer < FEW_EVENTS else "")
        + ".",
        f"Judged outside its training patients on: {', '.join(roles)}."
        if roles
        else "**Never judged on patients outside its training cohort.**",
        "Regimens are not randomised: differences between bands or regimens are associations.",
        "Out-of-fold scores come from models of the folds, the final model from all training patients: they differ a little.",
        "Stains, scanners, segmenters and label maps other than those of the training slides change the features; the score does not know.",
        "Probabilities may be off where the rate of pCR differs from the training cohort's: see the calibration slope.",
    ]
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _origin(row: Mapping[str, Any], trained: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    versions = {**json.loads(trained["versions"]), **details["versions"]}
    named = ", ".join(f"{package} {version}" for package, version in sorted(versions.items()))
    return (
        f"## Origin\n\n- run {row['run']}, seed {trained['seed']}, {trained['seconds']:.0f} s\n- files: sha256 of model.json"
        f" `{row['sha256']}`, of model.skops `{details['model_skops_sha256']}`\n- versions: {named}"
    )


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a Markdown table; a bar within a cell is escaped."""
    frame = pd.DataFrame(list(rows))
    if frame.empty:
        return "(none)"
    lines = [list(map(str, frame.columns)), ["---"] * len(frame.columns), *frame.fillna("").astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)
