"""What a model is made of: the candidates that were tried and the features that were selected, by stain and family (Fig. 5a, S1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from her2ladder.analytics.learning.candidates import CANDIDATES
from her2ladder.analytics.model.stored import TrainedScore
from her2ladder.analytics.statistics.delong import auc_logit
from her2ladder.schema.dictionary import features
from her2ladder.schema.vocabulary import CLASSES

SOURCES = {"HE": "H&E", "HER2": "HER2 IHC"}
CLINICAL, IMPORTED = "clinical", "imported"
_FLAG = " (missing)"


def candidates_tried(found: TrainedScore, outcome: pd.Series) -> pd.DataFrame:
    """Return a row a candidate: draws tried, the chosen draw's inner scores and parameters, its out-of-fold AUC, its weight.

    outcome   residual disease (0/1) by patient_id, of the training patients
    returns   label, candidate, weight (NULL = not in the vote), value, lo, hi (out-of-fold AUC of the mean score, logit interval),
              draws, inner_auc, inner_log_loss, params
    """
    rows = []
    for candidate in dict.fromkeys(tried["candidate"] for tried in found.summary["tried"]):
        draws = [tried for tried in found.summary["tried"] if tried["candidate"] == candidate]
        chosen = next((tried for tried in draws if tried["is_chosen"]), None)
        means = found.candidates[candidate].dropna() if candidate in found.candidates else pd.Series(dtype=float)
        known = means[means.index.isin(outcome.index)]
        area = auc_logit(outcome.loc[known.index].to_numpy(np.int64), known.to_numpy(np.float64))
        rows.append(
            {
                "label": CANDIDATES[candidate].label if candidate in CANDIDATES else candidate,
                "candidate": candidate,
                "weight": found.summary["weights"].get(candidate),
                "value": area.value,
                "lo": area.lo,
                "hi": area.hi,
                "n": area.n,
                "events": area.events,
                "draws": len(draws),
                "inner_auc": chosen["auc"] if chosen else None,
                "inner_log_loss": chosen["log_loss"] if chosen else None,
                "params": str(chosen["params"]) if chosen else None,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.sort_values(["weight", "value"], ascending=False, na_position="last", kind="stable").reset_index(drop=True)


def features_selected(found: TrainedScore) -> pd.DataFrame:
    """Return a row a column that a fold's vote or the final vote sees.

    returns  feature, source (H&E, HER2 IHC, clinical, imported), family, value (share of the outer folds whose vote sees it),
             is_in_vote (the final one), is_flag (whether it says that the feature was missing)
    """
    rows = []
    for told in found.summary["selected"]:
        column = str(told["column"])
        source, family = source_of(column.removesuffix(_FLAG), found.summary["clinical"])
        share = {"value": told["share_of_folds"], "is_in_vote": told["is_in_vote"], "is_flag": column.endswith(_FLAG)}
        rows.append({"feature": column, "source": source, "family": family, **share})
    return pd.DataFrame(rows, columns=["feature", "source", "family", "value", "is_in_vote", "is_flag"])


def source_of(feature: str, clinical: Sequence[str]) -> tuple[str, str]:
    """Return source and family of a model's column; what is neither clinical nor in the paper's dictionary was imported."""
    if feature in clinical:
        return CLINICAL, CLINICAL
    return _dictionary().get(feature, (IMPORTED, IMPORTED))


@cache
def _dictionary() -> dict[str, tuple[str, str]]:
    return {f.feature: (SOURCES[stain], f.family) for stain, classes in CLASSES.items() for f in features(stain, classes)}
