"""P adjustment against R's p.adjust (worked values), statsmodels, and its own laws."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from her2ladder.analytics.statistics.adjust import Correction, adjust
from her2ladder.errors import InputError


@pytest.mark.parametrize("correction, method", [("bonferroni", "bonferroni"), ("holm", "holm"), ("fdr", "fdr_bh")])
@pytest.mark.parametrize("seed", range(5))
def test_adjusted_p_agree_with_statsmodels(correction: Correction, method: str, seed: int) -> None:
    p = np.round(np.random.default_rng(seed).uniform(0, 0.6, 23) ** 3, 3).tolist()
    assert adjust(p, correction) == pytest.approx(list(multipletests(p, method=method)[1]), abs=1e-14)


def test_adjusted_p_worked_by_hand() -> None:
    """P .01, .04, .03 in a family of 3: Holm .03, .06 (the running maximum), .06; BH .03, .04, .04."""
    p = [0.01, 0.04, 0.03]
    assert adjust(p, "bonferroni") == pytest.approx([0.03, 0.12, 0.09])
    assert adjust(p, "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert adjust(p, "fdr") == pytest.approx([0.03, 0.04, 0.04])
    assert adjust(p, "none") == p
    assert adjust([0.5, 0.6], "bonferroni") == [1.0, 1.0]


@pytest.mark.parametrize("correction", ["bonferroni", "holm", "fdr", "none"])
def test_an_undefined_p_stays_none_and_still_counts_in_the_family(correction: Correction) -> None:
    """As if it were P = 1, which is R's p.adjust(p, method, n = planned)."""
    found, whole = adjust([0.01, None, 0.02, None], correction), adjust([0.01, 1.0, 0.02, 1.0], correction)
    assert found[1] is None
    assert found[3] is None
    assert (found[0], found[2]) == (whole[0], whole[2])
    assert adjust([0.01, 0.02], correction, family=4) == [whole[0], whole[2]]


def test_nothing_is_adjusted_to_nothing() -> None:
    assert adjust([], "holm") == []
    assert adjust([None], "fdr") == [None]


def test_bad_families_are_refused() -> None:
    with pytest.raises(InputError, match="at least the 2 comparisons made, got 1"):
        adjust([0.1, 0.2], "holm", family=1)
    with pytest.raises(InputError, match="must be one of bonferroni"):
        adjust([0.1], "sidak")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"must lie in 0\.\.1, got"):
        adjust([0.1, float("nan")], "none")
