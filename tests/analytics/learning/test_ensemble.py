"""The soft vote: who stands for it, and weights worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from her2ladder.analytics.learning.ensemble import choose, vote
from her2ladder.analytics.learning.tuning import Tuned

Y = np.array([1, 0])


@pytest.fixture
def tuned() -> Callable[..., Tuned]:
    """A candidate with the inner scores of one patient with residual disease and one without."""

    def make(candidate: str, *inner: float, log_loss: float = 0.5, auc: float = 0.7) -> Tuned:
        return Tuned(candidate, {}, log_loss, auc, np.array(inner))

    return make


def test_two_candidates_that_err_to_either_side_share_the_vote(tuned: Callable[..., Tuned]) -> None:
    """Alone each has -log .8 - log .6, together -2 log .7, the lowest there is: after 20 rounds each was added ten times."""
    assert choose([tuned("high", 0.8, 0.4), tuned("low", 0.6, 0.2)], Y) == {"high": 0.5, "low": 0.5}


def test_a_candidate_that_is_right_three_times_of_four_has_three_quarters(tuned: Callable[..., Tuned]) -> None:
    """A weight w gives -3 log w - log(1 - w): lowest at 3/4."""
    often, seldom = tuned("often", 1, 1, 1, 0), tuned("seldom", 0, 0, 0, 1)
    assert choose([seldom, often], np.array([1, 1, 1, 1])) == {"often": 0.75, "seldom": 0.25}


def test_a_candidate_that_never_helps_has_no_vote(tuned: Callable[..., Tuned]) -> None:
    assert choose([tuned("bad", 0.3, 0.6), tuned("good", 0.9, 0.1)], Y) == {"good": 1.0}


def test_the_five_with_the_lowest_inner_log_loss_stand_whatever_their_auc(tuned: Callable[..., Tuned]) -> None:
    """The sixth has the best AUC, and inner scores that would win every round."""
    five = [tuned(f"c{i}", 0.6, 0.4, log_loss=0.5 + i / 100, auc=0.6 + i / 100) for i in range(5)]
    sixth = tuned("sixth", 0.99, 0.01, log_loss=0.6, auc=0.99)
    assert choose([sixth, *five], Y) == {"c0": 1.0}
    assert choose([*five[:4], sixth], Y) == {"sixth": 1.0}


def test_equal_candidates_are_taken_by_name(tuned: Callable[..., Tuned]) -> None:
    assert choose([tuned("b", 0.6, 0.4), tuned("a", 0.6, 0.4)], Y) == {"a": 1.0}


def test_the_vote_is_the_weighted_mean_of_its_members() -> None:
    assert vote(np.array([[0.2, 0.6], [1.0, 0.0]]), np.array([0.75, 0.25])).tolist() == pytest.approx([0.3, 0.75])
