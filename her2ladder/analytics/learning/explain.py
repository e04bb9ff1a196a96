"""SHAP values of the vote and of each member, on the probability scale, by walking from background patients to the explained ones.

For each background patient one random order of the features is drawn; along it, and along its reverse, the features turn one by one
from the background's values to the patient's, and the change of the probability is the feature's. All members and the vote share
the walks, so the vote's values are the weighted mean of its members' up to rounding, and each patient's values add up to the
probability minus the background's mean probability exactly, not only on average.

Own sampling and not the `shap` package (chosen): the identity needs one set of walks for every member, and scoring must not wait for
its import; the tests hold it against `shap`'s exact explainer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from her2ladder.analytics.learning.ensemble import Ensemble, probability, vote
from her2ladder.analytics.learning.nested import ENSEMBLE
from her2ladder.errors import InputError

WALKS = 50
"""Background patients, each with one order and its reverse (chosen)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Explanation:
    """Whose part is what in the probability of residual disease.

    columns  (p,) raw features
    models   (m,) members of the vote, then "ensemble"
    values   (n, p, m) SHAP values; exactly 0 for features that no member reads
    base     (m,) mean probability of the background
    output   (n, m) probability of each explained patient; values.sum(axis=1) + base
    """

    columns: tuple[str, ...]
    models: tuple[str, ...]
    values: Floats
    base: Floats
    output: Floats


def explain(ensemble: Ensemble, values: Floats, background: Floats, *, seed: int = 1, walks: int = WALKS) -> Explanation:
    """Return SHAP values of (n, p) raw values against (b, p) raw background values, NaN where missing.

    walks    background patients drawn without replacement, all of them where there are fewer
    raises   InputError where there is nobody to explain or to compare with
    source   Strumbelj and Kononenko 2014 (sampling along permutations), each with its reverse (antithetic)
    """
    if len(values) == 0 or len(background) == 0:
        raise InputError(f"explain: wanted patients to explain and a background, got {len(values)} and {len(background)}")
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(background))[:walks])
    players = np.array(ensemble.used_columns(), dtype=np.int64)
    orders = np.array([random.permutation(len(players)) for _ in chosen])
    walker = _Walker(ensemble, background[chosen], players, orders)
    parts = np.zeros((len(values), len(ensemble.columns), len(ensemble.members) + 1))
    for i, prepared in enumerate(ensemble.prepare.transform(values)):
        parts[i, players] = walker.parts(prepared)
    return Explanation(
        columns=ensemble.columns,
        models=(*ensemble.members, ENSEMBLE),
        values=parts,
        base=_all_models(ensemble, ensemble.prepare.transform(background[chosen])).mean(axis=0),
        output=_all_models(ensemble, ensemble.prepare.transform(values)),
    )


class _Walker:
    """The walks that every explained patient and every model shares."""

    def __init__(self, ensemble: Ensemble, background: Floats, players: Ints, orders: Ints) -> None:
        self._ensemble = ensemble
        self._orders = np.stack([orders, orders[:, ::-1]], axis=1)
        self._background = ensemble.prepare.transform(background)[:, None, None, :]
        place = np.argsort(self._orders, axis=-1)
        steps = np.arange(len(players) + 1)
        turned = place[:, :, None, :] < steps[:, None]
        # a feature and its missing flag turn together
        belongs = ensemble.prepare.source_ == players[:, None]
        self._turned = (turned[..., None] & belongs).any(axis=-2)

    def parts(self, prepared: Floats) -> Floats:
        """Return (players, models) SHAP values of one patient's prepared row."""
        on_the_way = np.where(self._turned, prepared, self._background)
        reached = _all_models(self._ensemble, on_the_way.reshape(-1, on_the_way.shape[-1])).reshape(*on_the_way.shape[:3], -1)
        gained = np.diff(reached, axis=2)
        by_player = np.take_along_axis(gained, np.argsort(self._orders, axis=-1)[..., None], axis=2)
        return np.asarray(by_player.mean(axis=(0, 1)), dtype=np.float64)


def _all_models(ensemble: Ensemble, prepared: Floats) -> Floats:
    """Return (rows, members + 1) probabilities, the vote's last."""
    members = np.column_stack([probability(model, prepared) for model in ensemble.members.values()])
    return np.column_stack([members, vote(members, np.array(list(ensemble.weights.values())))])
