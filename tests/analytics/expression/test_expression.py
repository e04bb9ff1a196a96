"""Groups of patients compared by their in-situ sections: equal to the libraries called by hand, and to sections counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import gseapy
import numpy as np
import pandas as pd
import pytest
from pydeseq2.dds import DeseqDataSet
from pydeseq2.ds import DeseqStats
from scipy.stats import spearmanr

from her2ladder.analytics.cohort.selection import Selection
from her2ladder.analytics.expression.composition import composition, near_cells
from her2ladder.analytics.expression.de import differential
from her2ladder.analytics.expression.design import Asked
from her2ladder.analytics.expression.interactions import interactions, observed_expected
from her2ladder.analytics.expression.pathways import over_represented, pathways, prerank
from her2ladder.analytics.expression.subtypes import load_centroids, nearest, subtypes
from her2ladder.analytics.statistics.contrast import rank_sum
from her2ladder.errors import InputError

ASKED = Asked("hr_status")  # negative (planted) against positive


def test_shares_of_types_are_those_counted_by_hand(cohort: Any) -> None:
    done = composition(cohort.store, Selection(), ASKED)
    by_hand = {p: np.mean([kind == "Th" for kind in types]) for p, (_, types) in cohort.sections.items()}
    got = done.values[done.values["feature"] == "Th"].set_index("patient_id")["value"]
    assert {p: pytest.approx(v) for p, v in by_hand.items()} == got.to_dict()
    row = next(row for row in done.rows if row["term"] == "Th" and row["metric"] == "rank_sum")
    test = rank_sum([by_hand[p] for p in by_hand if cohort.low(p)], [by_hand[p] for p in by_hand if not cohort.low(p)])
    assert (row["p"], row["value"], row["subgroup"], row["n"]) == (test.p, test.rank_biserial, "negative vs positive", 10)


def test_near_cells_are_closer_than_the_radius_and_not_of_the_type() -> None:
    x, y = np.array([0.0, 30.0, 29.9, 0.0, 500.0]), np.array([0.0, 0.0, 0.0, 5.0, 0.0])
    assert near_cells(x, y, np.array([True, False, False, True, False]), 30.0).tolist() == [False, False, True, False, False]


def test_composition_near_a_type_is_that_of_all_distances(cohort: Any) -> None:
    done = composition(cohort.store, Selection(), ASKED, near="Neutro", radius_um=30.0)
    made, types = cohort.sections["P3"]
    kind = np.array(types)
    distance = np.hypot(made.x[:, None] - made.x[kind == "Neutro"], made.y[:, None] - made.y[kind == "Neutro"]).min(axis=1)
    near = (distance < 30) & (kind != "Neutro")
    got = done.values[(done.values["feature"] == "Th") & (done.values["patient_id"] == "P3")]["value"].item()
    assert got == pytest.approx((kind[near] == "Th").mean())
    with pytest.raises(InputError, match="no cell of type 'Nobody'"):
        composition(cohort.store, Selection(), ASKED, near="Nobody")


def test_fold_changes_are_those_of_pydeseq2_called_by_hand(cohort: Any) -> None:
    done = differential(cohort.store, Selection(), ASKED, types=("Tumour",))
    counts = pd.DataFrame(
        {p: made.counts[:, np.array(types) == "Tumour"].sum(axis=1) for p, (made, types) in cohort.sections.items()}, index=list(cohort.sections["P0"][0].genes)
    ).T
    counts = counts[sorted(counts.columns)]
    metadata = pd.DataFrame({"status": ["neg" if cohort.low(p) else "pos" for p in counts.index]}, index=counts.index)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dds = DeseqDataSet(counts=counts, metadata=metadata, design="~status", quiet=True)
        dds.deseq2()
        stats = DeseqStats(dds, contrast=["status", "neg", "pos"], independent_filter=False, quiet=True)
        stats.summary()
    got = done.table.set_index("gene")
    for ours, theirs in (("log2_fold_change", "log2FoldChange"), ("p", "pvalue"), ("p_adjusted", "padj"), ("stat", "stat")):
        np.testing.assert_allclose(got[ours], stats.results_df[theirs].loc[got.index], rtol=1e-8)
    assert got.loc["ERBB2", "log2_fold_change"] > 1
    assert got.loc["ERBB2", "p_adjusted"] < 0.001
    with pytest.raises(InputError, match="no cell type has two patients"):
        differential(cohort.store, Selection(), ASKED, types=("Tumour",), min_cells=1000)


def test_enrichment_is_that_of_gseapy_with_the_panel_as_background() -> None:
    rng = np.random.default_rng(1)
    genes = [f"G{i}" for i in range(120)]
    stat = rng.standard_normal(120) + np.where(np.arange(120) < 12, 3, 0)
    table = pd.DataFrame({"gene": genes, "stat": stat, "log2_fold_change": stat, "p_adjusted": np.where(abs(stat) > 2, 0.01, 0.5)})
    sets = {"planted": genes[:12], "other": genes[40:60], "third": genes[70:90]}
    ours = prerank(table, sets, seed=3, permutations=200).set_index("pathway")
    ranks = pd.Series(stat, index=genes).sort_values(ascending=False)
    theirs = gseapy.prerank(ranks, gene_sets=sets, min_size=5, permutation_num=200, seed=3, outdir=None, no_plot=True, threads=1).res2d.set_index("Term")
    np.testing.assert_allclose(ours["value"], theirs["NES"].astype(float).loc[ours.index])
    np.testing.assert_allclose(ours["p"], theirs["NOM p-val"].astype(float).loc[ours.index])
    up = over_represented(table, sets)
    up = up[up["method"] == "over_represented_up"].set_index("pathway")
    hits = list(table.loc[(table["p_adjusted"] < 0.05) & (table["stat"] > 0), "gene"])
    by_hand = gseapy.enrich(gene_list=hits, gene_sets=sets, background=genes, outdir=None).results.set_index("Term")
    np.testing.assert_allclose(up.loc[by_hand.index, "p"], by_hand["P-value"].astype(float), rtol=1e-9)
    assert up["p"].idxmin() == "planted"


def test_the_nearest_centroid_is_spearmans(cohort: Any) -> None:
    table, _ = load_centroids(None)
    assert table.shape == (50, 5)
    values = np.round(np.random.default_rng(2).gamma(1, 1, (40, 50)))  # with ties
    r = np.array([[spearmanr(row, table[name]).statistic for name in table.columns] for row in values])
    assert nearest(values, table.to_numpy()).tolist() == np.where(r.max(axis=1) >= 0.1, r.argmax(axis=1), -1).tolist()
    assert nearest(np.zeros((1, 50)), table.to_numpy()).tolist() == [-1]
    with pytest.raises(InputError, match="wanted at least 10 of the 50 genes on every panel, found 1: ERBB2"):
        subtypes(cohort.store, Selection(), ASKED)


def test_subtypes_are_shares_of_the_tumour_cells(cohort: Any, tmp_path: Path) -> None:
    genes = ["ERBB2", *(f"G{i:02d}" for i in range(12))]
    lines = ["gene,High,Low", *(f"{gene},{at},{-at}" for at, gene in enumerate(genes[::-1]))]
    (tmp_path / "c.csv").write_text("\n".join(lines) + "\n")
    done = subtypes(cohort.store, Selection(), ASKED, centroids=tmp_path / "c.csv")
    total = done.values.groupby("patient_id")["value"].sum()
    assert np.allclose(total, 1.0)
    assert done.tests.set_index("feature").loc["High", "effect"] > 0.5  # ERBB2 is highest in the centroid High, and up in the first group


def test_observed_and_expected_are_those_of_every_shuffling() -> None:
    sender, receiver = np.array([[1.0], [2.0], [0.0]]), np.array([[3.0], [1.0]])
    i, j = np.array([0, 1, 1]), np.array([0, 0, 1])
    observed, expected, as_much = observed_expected(sender, receiver, i, j, 2000, np.random.default_rng(0))
    assert observed[0] == pytest.approx((3 + 6 + 2) / 3)
    every = [np.mean(sender[list(s), 0][i] * receiver[list(r), 0][j]) for s in permutations(range(3)) for r in permutations(range(2))]
    assert expected[0] == pytest.approx(np.mean(every))
    assert as_much[0] / 2000 == pytest.approx(np.mean([one >= observed[0] - 1e-12 for one in every]), abs=0.04)


def test_shuffled_p_values_are_uniform_where_nothing_is_planted() -> None:
    rng = np.random.default_rng(11)
    small = 0
    for _ in range(100):  # a hundred sections with ten pairs each: the pairs of one section share its neighbours, so 200 tests told too little
        i, j = rng.integers(0, 60, 150), rng.integers(0, 40, 150)
        *_, as_much = observed_expected(np.sqrt(rng.poisson(2, (60, 10))), np.sqrt(rng.poisson(2, (40, 10))), i, j, 199, rng)
        small += int(((as_much + 1) / 200 <= 0.05).sum())
    assert 0.03 <= small / 1000 <= 0.07


def test_a_planted_pair_meets_more_often_in_its_group(cohort: Any, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nLIG,REC\nG00,G01\nNOT,THERE\n")
    how = {"pairs": str(tmp_path / "pairs.csv"), "senders": ("Neutro",), "receivers": ("Th",), "permutations": 99}
    done = interactions(cohort.store, Selection(), ASKED, **how)
    tests = done.tests.set_index("feature")
    assert list(tests.index) == ["Neutro to Th: G00 - G01", "Neutro to Th: LIG - REC"]
    assert tests.loc["Neutro to Th: LIG - REC", "effect"] == 1.0  # every patient of the first group above every other
    assert tests.loc["Neutro to Th: LIG - REC", "p"] == pytest.approx(2 / 252)  # the smallest exact P of five against five
    own = {row["subgroup"]: row["p"] for row in done.rows if row["metric"] == "patient" and row["term"].endswith("LIG - REC")}
    assert own["P0"] == 0.01
    again = interactions(cohort.store, Selection(), ASKED, **how)
    assert [{**row, "run": ""} for row in again.rows] == [{**row, "run": ""} for row in done.rows]
    (tmp_path / "off.csv").write_text("ligand,receptor\nNOT,THERE\n")
    with pytest.raises(InputError, match="none of the 1 pairs"):
        interactions(cohort.store, Selection(), ASKED, **{**how, "pairs": str(tmp_path / "off.csv")})


def test_pathways_of_the_store_name_the_panel(cohort: Any, tmp_path: Path) -> None:
    sets = {"first": [f"G{i:02d}" for i in range(8)], "second": [f"G{i:02d}" for i in range(8, 18)], "small": ["G00", "NOT"]}
    (tmp_path / "s.gmt").write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in sets.items()))
    done = pathways(cohort.store, Selection(), ASKED, types=("Tumour",), gene_sets=tmp_path / "s.gmt", permutations=50)
    assert set(done.table["pathway"]) == {"first", "second"}
    assert all("23 genes of the panel" in row["family"] for row in done.rows)


def test_the_commands_draw_their_figures(cohort: Any, command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("ligand,receptor\nLIG,REC\n")
    base = ("--store", cohort.store.root, "expression")
    ways = {
        "composition": ("--of", "Neutro"),
        "de": ("--type", "Tumour"),
        "interactions": ("--pairs", tmp_path / "pairs.csv", "--senders", "Neutro", "--permutations", 9),
    }
    for name, more in ways.items():
        done = command(*base, name, "--between", "hr_status", *more, "-o", tmp_path / "out")
        assert done.code == 0, done.err
        assert "5 patients of negative against 5 of positive" in done.err
        assert (tmp_path / "out" / f"expression_{name}.png").stat().st_size > 5000
        assert (tmp_path / "out" / f"expression_{name}_rows.csv").is_file()
    assert "wanted --score NAME" in command(*base, "composition").err


def test_one_patient_in_a_group_is_no_comparison(cohort: Any) -> None:
    with pytest.raises(InputError, match="wanted two groups, found X"):
        composition(cohort.store, Selection(), Asked("cohort"))
