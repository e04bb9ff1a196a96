"""Score patients with a saved model, and say of each how much of what the model reads was missing.

A missing value is handled by the trained rule (training median, and a flag where training had one); a feature that is not in the
table at all is an error, since a median for everyone is no measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.learning.cuts import band
from her2ladder.analytics.learning.design import Design
from her2ladder.analytics.learning.persist import Model

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores of patients the model has not seen; all in the order of `patient_ids`.

    scores    (n,) probability of residual disease by the vote
    members   member name to (n,) its own probability
    bands     (n,) by the model's frozen cuts
    positive  (n,) score >= the model's frozen threshold
    imputed   (n,) how many of the `n_used` features that the model reads were missing
    missing   feature that the model reads to the number of patients it was missing for, where any
    """

    patient_ids: tuple[str, ...]
    scores: Floats
    members: dict[str, Floats]
    bands: tuple[str, ...]
    positive: tuple[bool, ...]
    imputed: NDArray[np.int64]
    n_used: int
    missing: dict[str, int]


def score(model: Model, design: Design) -> Scored:
    """Return scores and bands of the patients of a design with at least the model's features, in any column order.

    raises   InputError listing the features that the design lacks
    """
    design = design.only(model.ensemble.columns)
    members = model.ensemble.member_scores(design.values)
    scores = model.ensemble.scores(design.values)
    used = list(model.ensemble.used_columns())
    gone = np.isnan(design.values[:, used])
    return Scored(
        patient_ids=design.patient_ids,
        scores=scores,
        members={name: members[:, m].copy() for m, name in enumerate(model.ensemble.members)},
        bands=tuple(band(scores, model.cuts.q1, model.cuts.q2)),
        positive=tuple((scores >= model.cuts.threshold).tolist()),
        imputed=gone.sum(axis=1).astype(np.int64),
        n_used=len(used),
        missing={design.columns[j]: int(times) for j, times in zip(used, gone.sum(axis=0).tolist(), strict=True) if times},
    )
