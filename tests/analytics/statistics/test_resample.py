"""The stratified bootstrap's draws and its interval."""

from __future__ import annotations

import numpy as np

from her2ladder.analytics.statistics.resample import percentile_interval, stratified_draws


def test_the_two_classes_are_drawn_independently() -> None:
    """Also where they are of one size, and the draws do not depend on how many replicates follow."""
    (w1, w0), *_ = stratified_draws(20, 20, 40, 5)
    assert not np.array_equal(w1, w0)
    longer = np.concatenate([w for w, _ in stratified_draws(20, 20, 600, 5)])
    assert np.array_equal(longer[:40], w1)


def test_every_replicate_keeps_the_size_of_each_class() -> None:
    for w1, w0 in stratified_draws(7, 13, 300, 2):
        assert (w1.sum(axis=1) == 7).all()
        assert (w0.sum(axis=1) == 13).all()


def test_interval_is_the_percentiles_and_none_where_it_would_have_no_width() -> None:
    replicates = np.arange(201) / 200
    found = percentile_interval(0.5, replicates, smaller_class=5, n=20, events=5)
    assert (found.lo, found.hi) == (0.025, 0.975)
    assert found.test == "stratified bootstrap, 201 replicates, percentile"
    flat = percentile_interval(0.5, np.full(201, 0.5), smaller_class=5, n=20, events=5)
    assert (flat.lo, flat.hi, flat.note) == (None, None, "all bootstrap replicates agree: no interval")
    alone = percentile_interval(0.5, replicates, smaller_class=1, n=20, events=1)
    assert (alone.lo, alone.hi) == (None, None)
    assert "fewer than two patients" in alone.note
