"""Feature tables without slides: 139 columns a patient drawn from the same latents, for cohort statistics over many seeds.

The values are what a Poisson field of the drawn composition would give in expectation, moved by the planted latents and blurred; they are
plausible in size and hang together (proportions sum, edges shorten as cells crowd), but no cells stand behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import erf, expit, softmax

from her2ladder.analytics.simulate import patients, run
from her2ladder.analytics.simulate.folder import new_folder
from her2ladder.analytics.simulate.plan import Plan
from her2ladder.schema.dictionary import features as dictionary
from her2ladder.schema.dictionary import proportions
from her2ladder.schema.vocabulary import CLASSES

Floats = NDArray[np.float64]

FEATURES = "features.csv"
RADIUS_UM, NEIGHBOURS = 25.0, 5
CELLS_PER_UM2 = {"HE": 5000e-6, "HER2": 4000e-6}
# Pairs whose contact follows a latent: (stain, first, second) -> (latent, effect on the log of the density around the first class).
CONTACTS = {
    ("HER2", "HER2strong_complete", "HER2strong_incomplete"): ("mosaic", 0.30),
    ("HER2", "HER2strong_complete", "HER2strong_complete"): ("mosaic", -0.15),
    ("HE", "Neutro", "Lymph"): ("immune", 0.25),
    ("HE", "Lymph", "Lymph"): ("immune", 0.25),
    ("HE", "Neutro", "Neutro"): ("immune", 0.15),
}


@dataclass(frozen=True)
class SimulatedFeatures:
    """Where the tables of a study without slides were written."""

    features: Path
    clinical: Path
    scores: Path
    truth_table: Path
    truth: Path
    n_patients: int


def simulate_features(out: Path, plan: Plan, seed: int) -> SimulatedFeatures:
    """Write features.csv (patient_id and 139 columns) beside the clinical table, the planted score and the truth.

    The patients are those of `simulate` with the same plan and seed.
    raises   InputError for a folder that holds something
    """
    everyone = patients.draw(plan, seed)
    with new_folder(out) as folder:
        run.write_tables(
            folder,
            plan,
            seed,
            everyone,
            "features.csv      for `ladder ingest features features.csv --name simulated`; no cells behind it\n",
        )
        feature_table(everyone, seed).to_csv(folder / FEATURES, index=False, lineterminator="\n", float_format="%.6g")
    return SimulatedFeatures(out / FEATURES, out / run.CLINICAL, out / run.SCORES, out / run.TRUTH_TABLE, out / run.TRUTH, plan.n_enrolled)


def feature_table(everyone: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return patient_id and the 69 + 70 features of the dictionary for the analysed patients of `patients.draw`."""
    rng = np.random.default_rng([seed, 3])
    subjects = patients.analysed(everyone)
    latent = {name: subjects[f"latent_{name}"].to_numpy(dtype=np.float64) for name in ("mosaic", "immune")}
    shares = {
        "HE": _he_shares(latent["immune"], rng),
        "HER2": _her2_shares(latent["mosaic"], (subjects["her2_ihc"] == "2+").to_numpy(), rng),
    }
    columns: dict[str, object] = {"patient_id": subjects["patient_id"]}
    for stain, share in shares.items():
        columns |= _proportions(stain, share) | _pairs(stain, share, latent, rng)
    names = [f.feature for stain, classes in CLASSES.items() for f in dictionary(stain, classes)]
    return pd.DataFrame(columns)[["patient_id", *names]]


def _he_shares(immune: Floats, rng: np.random.Generator) -> Floats:
    log_share = np.log([0.50, 0.21, 0.05, 0.17, 0.07]) + immune[:, None] * np.array([0, 0, 0.28, 0.38, 0.05])
    return np.asarray(softmax(log_share + rng.normal(0.0, [0.12, 0.15, 0.2, 0.2, 0.25], log_share.shape), axis=1), dtype=np.float64)


def _her2_shares(mosaic: Floats, is_equivocal: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal((4, len(mosaic)))
    strong = expit(np.where(is_equivocal, -0.7, 1.3) - 0.30 * mosaic + 0.4 * noise[0])
    complete = expit(1.25 - 0.75 * mosaic + 0.3 * noise[1])
    null = (1 - strong) * expit(-1.0 + 0.3 * noise[2])
    weak, weak_complete = 1 - strong - null, expit(-0.7 + 0.45 * mosaic + 0.3 * noise[3])
    parts = [strong * complete, strong * (1 - complete), weak * weak_complete, weak * (1 - weak_complete), null]
    return np.asarray(np.stack(parts, axis=1), dtype=np.float64)


def _proportions(stain: str, share: Floats) -> dict[str, Floats]:
    column = {name: share[:, i] for i, name in enumerate(CLASSES[stain])}
    return {
        p.name: sum((column[c] for c in p.numerator), np.zeros(len(share)))
        / (sum((column[c] for c in p.denominator), np.zeros(len(share))) if p.denominator else 1.0)
        for p in proportions(stain, CLASSES[stain])
    }


def _pairs(stain: str, share: Floats, latent: dict[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Return the four families of the fifteen pairs: means over the first class's cells in a field of the second class's density."""
    classes, columns, n = CLASSES[stain], dict[str, Floats](), len(share)
    for i, first in enumerate(classes):
        for j in range(i, len(classes)):
            name, effect = CONTACTS.get((stain, first, classes[j]), ("mosaic", 0.0))
            log_crowd = effect * latent[name] + 0.2 * rng.standard_normal(n)
            around, back = (CELLS_PER_UM2[stain] * share[:, k] * np.exp(log_crowd) for k in (j, i))
            columns |= {f"{first}_{classes[j]}_{family}": value for family, value in _families(around, back, rng).items()}
    return columns


def _families(around: Floats, back: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return the families for a density of targets `around` each cell, and of the first class `back` around each target.

    The shortest edge, an empty list counting as R, is E[min(d, R)] of a Poisson field: erf(R sqrt(pi l)) / (2 sqrt l). The other three
    have no closed form; what stands here grows and saturates as they do (chosen).
    """
    near, near_back = np.pi * RADIUS_UM**2 * around, np.pi * RADIUS_UM**2 * back
    shortest = erf(RADIUS_UM * np.sqrt(np.pi * around)) / (2 * np.sqrt(around))
    reach = np.minimum(RADIUS_UM, np.sqrt(NEIGHBOURS / (np.pi * around)))
    mean = np.maximum(shortest * 1.001, (1 - np.exp(-near)) * 2 / 3 * reach + np.exp(-near) * RADIUS_UM)
    chosen, chosen_by = (NEIGHBOURS * -np.expm1(-m / NEIGHBOURS) for m in (near, near_back))
    blur = np.exp(0.04 * rng.standard_normal((2, len(near))))
    return {
        "Nsubgraph": 1
        + np.minimum(np.expm1(0.9 * np.sqrt(near * near_back).clip(0, 9)), 3000) * np.exp(0.35 * rng.standard_normal(len(near))),
        "minEdgeLength": np.minimum(shortest * blur[0], 0.999 * RADIUS_UM),
        "meanEdgeLength": np.minimum(np.maximum(mean, shortest) * np.maximum(blur[0], blur[0] * blur[1]), RADIUS_UM),
        "Degrees": (chosen + 0.35 * chosen_by) * blur[1],
    }
