"""The report: one page of everything, safe and whole on its own; where there is nothing to show it says so and invents nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from her2ladder.analytics.report.captions import CAPTIONS, caption
from her2ladder.analytics.report.outcome_sections import association, follow_up, regimens
from her2ladder.analytics.report.score_sections import performance
from her2ladder.analytics.report.sections import NO_SCORE
from her2ladder.analytics.report.tables import baseline, number, result_table
from her2ladder.errors import InputError
from her2ladder.queries.init import init
from her2ladder.schema.duck import arrow_table
from her2ladder.schema.store import Store

Ladder = Callable[..., list[dict[str, Any]]]
Clinic = Callable[..., Store]

SECTIONS = ["patients", "cells", "maps", "performance", "explanation", "odds", "regimens", "dfs", "os", "contrasts"]
ATTACK = "<script>alert(1)</script>"
PATIENT = "<img src=x onerror=alert(1)>"  # no path separator: ids of patients name folders
VOID = {"meta", "img", "br", "hr", "input", "link", "col", "wbr"}


class Page(HTMLParser):
    """What a browser would find: sections with their text, every address, and whether each element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.addresses, self.tags = text, [], [], []
        self.n_programs = 0
        self.sections: dict[str, str] = {}
        self.figures: dict[str, int] = {}
        self.at = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.addresses += [told[name] or "" for name in ("src", "href", "action", "data", "poster") if name in told]
        self.n_programs += tag == "script" and "type" not in told  # a script with a type of its own is data
        if tag == "section":
            self.at = str(told["id"])
            self.sections[self.at], self.figures[self.at] = "", 0
        if tag == "figure":
            self.figures[self.at] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.at and self.open[-1:] not in (["script"], ["style"]):
            self.sections[self.at] += data


def report(ladder: Ladder, store: Store, *words: str) -> Page:
    path = store.root.parent / "report.html"
    (said,) = ladder(store, "report", "-o", str(path), *words)
    assert said["n_bytes"] == path.stat().st_size < 10_000_000
    page = Page(path.read_text(encoding="utf-8"))
    assert not page.open
    return page


def cells(store: Store, ladder: Ladder, slide_id: str, patient: str, stain: str = "HE") -> None:
    rng = np.random.default_rng(len(slide_id))
    names = ("Tumor", "Lymph", "Stroma") if stain == "HE" else ("HER2null", "HER2strong_complete")
    frame = pd.DataFrame(
        {"cell_id": range(60), "cell_class": rng.choice(names, 60), "x_um": rng.uniform(0, 200, 60), "y_um": rng.uniform(0, 200, 60)}
    )
    path = store.root.parent / f"{slide_id}.csv"
    frame.to_csv(path, index=False)
    ladder(store, "ingest", "cells", str(path), "--stain", stain, "--slide-id", slide_id, "--patient", patient, "--workers", "1")


@pytest.fixture(scope="module")
def simulated(ladder: Ladder, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A small simulated cohort: features and the planted score imported, three slides of patients who have a band."""
    folder = tmp_path_factory.mktemp("simulated")
    store = init(folder / "store")
    ladder(store, "simulate", str(folder / "data"), "--patients", "120", "--no-slides")
    clinical = pd.read_csv(folder / "data" / "clinical.csv")
    kept = clinical[clinical["cohort"].isin(["synthetic-construction", "synthetic-adjuvant-tcbhp"])]  # few groups: a quick page
    kept = kept.assign(
        **{name: kept[name].where(kept["cohort_role"] != "adjuvant") for name in ("age_years", "clinical_stage", "hr_status")}
    )
    kept.to_csv(folder / "clinical.csv", index=False)
    ladder(store, "ingest", "clinical", str(folder / "clinical.csv"))
    ladder(store, "ingest", "features", str(folder / "data" / "features.csv"), "--name", "made")
    ladder(store, "ingest", "scores", str(folder / "data" / "true_score.csv"), "--name", "planted")
    scores = pd.read_csv(folder / "data" / "true_score.csv").sort_values("score")
    scores = scores[scores["patient_id"].isin(kept["patient_id"])]
    lowest, highest = scores["patient_id"].iloc[0], scores["patient_id"].iloc[-1]
    cells(store, ladder, "L-HE", lowest)
    cells(store, ladder, "L-HER2", lowest, "HER2")
    cells(store, ladder, "H-HE", highest)
    return report(ladder, store, "--title", "A <small> study")


@pytest.fixture(scope="module")
def odd(clinic: Clinic, ladder: Ladder) -> Page:
    """A real store in which much is missing: names that are markup, a regimen of one patient, H&E alone, nobody followed up, no features."""
    rng = np.random.default_rng(4)
    residual = np.arange(40) % 2
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(39)] + [PATIENT],
            "cohort": [ATTACK] * 30 + ["B & C"] * 10,
            "cohort_role": "construction",
            "setting": "neoadjuvant",
            "regimen": ["THP"] * 20 + ["<b>TCbHP</b>"] * 19 + ["alone"],
            "is_pcr": 1 - residual,
            "score": np.clip(0.3 + 0.3 * residual + 0.2 * rng.standard_normal(40), 0.01, 0.99).round(3),
        }
    )
    frame.loc[39, "score"] = 0.999
    store = clinic(frame)
    cells(store, ladder, "S<i>1", PATIENT)
    return report(ladder, store)


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_from_anywhere(simulated: Page, odd: Page) -> None:
    for page in (simulated, odd):
        assert page.addresses
        for address in page.addresses:
            assert address.startswith(("#", "data:image/png;base64,")), address[:80]
        assert "@import" not in page.text
        assert not re.search(r"url\(\s*['\"]?\s*(?!data:|#)", page.text)
        assert "default-src &#x27;none&#x27;" in page.text
        assert not {"iframe", "object", "embed", "link", "base", "form"} & set(page.tags)


def test_every_section_is_in_the_contents_and_every_address_within_the_page_is_there(simulated: Page) -> None:
    assert list(simulated.sections) == [*SECTIONS, "methods", "definitions", "provenance"]
    ids = set(re.findall(r'\bid="([^"]+)"', simulated.text))
    inside = {address[1:] for address in simulated.addresses if address.startswith("#")}
    assert set(simulated.sections) <= inside <= ids


def test_every_section_with_a_figure_has_its_command_its_run_and_its_sql(simulated: Page) -> None:
    for name, n_figures in simulated.figures.items():
        said = simulated.sections[name]
        if n_figures:
            assert "SQL: " in said, name
            assert "SELECT" in said, name
            assert "ladder " in said, name
            assert re.search(r"run r\d{6}", said), name
    assert {name for name, n in simulated.figures.items() if n} == set(SECTIONS) - {"cells", "explanation"}


def test_the_maps_show_a_low_and_a_high_patient(simulated: Page) -> None:
    said = simulated.sections["maps"]
    assert simulated.figures["maps"] == 3
    for slide in ("L-HE", "L-HER2", "H-HE"):
        assert slide in said
    assert said.count("Low: ") == 2
    assert said.count("High: ") == 1


def test_a_summary_stands_at_the_head_with_the_numbers_of_the_sections(simulated: Page) -> None:
    head = simulated.text[: simulated.text.index("<nav")]
    for words in (
        "At a glance",
        "AUC, construction",
        "Odds ratio of residual disease, score per 0.1",
        "pCR with",
        "hazard ratio High against Low",
    ):
        assert words in head
    odds = re.search(r"score per 0\.1</a></td><td>([0-9.]+ \([0-9.]+ to [0-9.]+\))", head)
    assert odds is not None
    assert odds.group(1) in simulated.sections["odds"]


def test_synthetic_is_said_of_simulated_stores_alone(simulated: Page, odd: Page) -> None:
    assert "SYNTHETIC DATA" in simulated.text[: simulated.text.index("<nav")]
    assert "Synthetic: patients, slides, response and survival of this report were simulated" in simulated.sections["definitions"]
    assert "synthetic" not in re.sub(r"<style>.*?</style>|<script>.*?</script>|<pre>.*?</pre>", "", odd.text, flags=re.S).lower()


def test_provenance_names_snapshot_versions_runs_and_inputs(simulated: Page) -> None:
    said = simulated.sections["provenance"]
    for words in ("duckdb", "ingest clinical", "evaluate", "clinical.csv", "Inputs (first 16 digits of sha256)"):
        assert words in said
    assert re.search(r"Store state r\d{6}", simulated.text)


def test_the_title_and_names_that_patients_bring_are_text_and_never_markup(simulated: Page, odd: Page) -> None:
    assert "<h1>A &lt;small&gt; study</h1>" in simulated.text
    assert ATTACK not in odd.text
    assert PATIENT not in odd.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in odd.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in odd.text
    assert odd.n_programs == 1  # the cell map's own, which the page's policy names by its hash
    assert "b" not in odd.tags
    assert "i" not in odd.tags


def test_a_section_without_data_says_why_where_its_figure_would_be(odd: Page) -> None:
    for name, why in {
        "maps": "no patient of the band Low has slides",
        "explanation": "s was made elsewhere: there is no model here to explain",
        "dfs": "no patient has dfs_months and dfs_event",
        "os": "no patient has os_months and os_event",
        "contrasts": "feature",
    }.items():
        assert "Not shown: " in odd.sections[name], name
        assert why in odd.sections[name], name
    assert [name for name, n in odd.figures.items() if n] == ["patients", "maps", "performance", "odds", "regimens"]
    assert "1 patients have slides of HE alone" in odd.sections["cells"].replace("1 patient has", "1 patients have")


def test_a_regimen_of_one_patient_has_reasons_in_the_place_of_numbers(odd: Page) -> None:
    rows = re.findall(r"<tr>(<td[^>]*>alone</td>.*?)</tr>", odd.text)
    assert rows
    assert any("not given: every patient has the same value (n = 1)" in row for row in rows)


# ---- stores with little in them --------------------------------------------------------------------------------------


def test_an_empty_store_has_a_page_without_a_figure_or_a_number(ladder: Ladder, tmp_path: Path) -> None:
    page = report(ladder, init(tmp_path / "store"))
    assert sum(page.figures.values()) == 0
    for name in [*SECTIONS, "methods"]:
        assert "Not shown: " in page.sections[name], name
        assert not re.search(r"\d\.\d", page.sections[name]), name
    assert page.text.count("(nothing to show)") == len([*SECTIONS, "methods"])
    assert "At a glance" not in page.text


def test_clinical_data_without_a_score_give_table_1_and_ask_for_a_score(clinic: Clinic, ladder: Ladder) -> None:
    frame = pd.DataFrame({"patient_id": [f"P{i}" for i in range(12)], "cohort": "A", "age_years": range(40, 52), "is_pcr": [0, 1] * 6})
    page = report(ladder, clinic(frame))
    assert page.figures["patients"] == 1
    assert "45.5 [42.75, 48.25]" in page.sections["patients"]
    assert "the store has no cells" in page.sections["cells"]
    for name in SECTIONS[2:]:
        assert NO_SCORE in page.sections[name], name


def test_slides_alone_give_the_counts_of_cells(ladder: Ladder, tmp_path: Path) -> None:
    store = init(tmp_path / "store")
    cells(store, ladder, "S1", "P1")
    cells(store, ladder, "S2", "P2", "HER2")
    page = report(ladder, store)
    assert "Not shown: " in page.sections["patients"]
    assert "Tumor" in page.sections["cells"]
    assert "HER2null" in page.sections["cells"]
    assert "SQL: cells/counts" in page.sections["cells"]


def test_no_events_all_events_and_an_empty_band_give_curves_and_reasons(clinic: Clinic, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    n = 45
    frame = pd.DataFrame(
        {
            "patient_id": [f"P{i:02d}" for i in range(n)],
            "cohort": ["learned"] * 15 + ["followed"] * 30,
            "cohort_role": ["construction"] * 15 + ["adjuvant"] * 30,
            "score": np.r_[np.linspace(0.1, 0.9, 15), np.linspace(0.1, 0.5, 30)].round(3),
            "dfs_months": rng.exponential(40, n).round(1) + 0.5,
            "dfs_event": 0,
            "os_months": rng.exponential(40, n).round(1) + 0.5,
            "os_event": 1,
        }
    )
    store = clinic(frame)
    quiet, deadly = (follow_up(store, "s", endpoint, tmp_path / endpoint) for endpoint in ("dfs", "os"))
    for section in (quiet, deadly):
        assert len(section.pictures) == 2
        lines = {(line["term"], line["what"]): line["estimate (95 % CI)"] for line in section.tables[0].rows}
        assert lines["High vs Low", "hazard ratio"].startswith("not given: ")
        assert all(found.startswith("not given: ") for _, found in section.key)
    told = [line["estimate (95 % CI)"] for line in quiet.tables[0].rows if line["what"] != "median follow-up, months"]
    assert all(text.startswith("not given: ") for text in told)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "report.pdf"), r"report.pdf: wanted a name that ends in .html"),
        (("-o", "report.html", "--score", "nobody"), r"--score: no score called 'nobody'; there is ref, rival"),
        (("-o", "report.html"), r"--score: which one\? there is ref, rival"),
    ],
)
def test_a_wrong_call_is_one_clear_line(reference_store: Store, ladder: Ladder, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ladder(reference_store, "report", *words)
    assert "\n" not in str(caught.value)


# ---- its parts -------------------------------------------------------------------------------------------------------


def row(**told: object) -> dict[str, Any]:
    empty = dict.fromkeys(("value", "lo", "hi", "p", "p_adjusted", "events", "note"))
    return {"cohort": "all", "subgroup": "all", "term": "t", "metric": "odds_ratio", "n": 9, "test": "Wald", "family": "", **empty, **told}


def test_a_row_without_a_number_shows_its_reason_and_shared_remarks_are_numbered_once() -> None:
    table = result_table("Odds", [row(value=2.0, lo=1.0, hi=4.0, p=0.04, note="few"), row(note="one class; few"), row(note=None)])
    assert [line["estimate (95 % CI)"] for line in table.rows] == ["2.00 (1.00 to 4.00)", "not given: one class", "not given: no value"]
    assert table.footnotes == ("Wald", "few")
    assert [line["notes"] for line in table.rows] == ["1, 2", "1, 2", "1"]
    assert table.columns == ["term", "estimate (95 % CI)", "P", "n", "notes"]


def test_numbers_have_three_significant_digits() -> None:
    assert [number(x) for x in (0.0, 1.0, 0.01234, 123.456, 1234.5, 2e-5, -0.25)] == [
        "0",
        "1.00",
        "0.0123",
        "123",
        "1,234",
        "2.0e-05",
        "-0.250",
    ]


def test_table_1_names_a_variable_once_and_leaves_out_missing_rows_of_zero() -> None:
    def line(variable: str, level: str, cell: str, test: str = "") -> dict[str, str]:
        return {"Variable": variable, "Level": level, "A": cell, "Overall": cell, "P": "0.5" if test else "", "Test": test, "SMD": ""}

    lines = [line("HR", "positive", "5 (50 %)", "Fisher"), line("HR", "negative", "5 (50 %)"), line("HR", "Missing", "0 (0.0 %)")]
    table = baseline([*lines, line("Age", "Missing", "1 (10 %)")])
    assert [(one["Variable"], one["P"]) for one in table.rows] == [("HR", "0.5 [1]"), ("", ""), ("Age", "")]
    assert table.footnotes == ("Fisher",)
    assert list(table.rows[0]) == ["Variable", "Level", "Overall", "A", "P", "SMD"]  # everyone before the groups
    assert table.remarks == ("Nobody lacks a value of: HR.",)


def test_a_caption_is_words_and_names_the_part_that_the_file_is_of() -> None:
    assert caption("odds") == CAPTIONS["odds"]
    assert caption("roc_temporal_validation") == f"{CAPTIONS['roc']} (temporal validation)"
    assert caption("roc_by_regimen") == "ROC curves by regimen"
    assert caption("survival_dfs_THP") == f"{CAPTIONS['survival_dfs']} (THP)"
    assert caption("never_seen") == "Never seen"


def test_the_section_of_odds_says_how_many_patients_have_no_score(clinic: Clinic, tmp_path: Path) -> None:
    residual = np.arange(40) % 2
    frame = pd.DataFrame({"patient_id": [f"P{i}" for i in range(40)], "cohort": "A", "cohort_role": "construction", "is_pcr": 1 - residual})
    frame = frame.assign(regimen="THP", score=np.where(np.arange(40) < 6, np.nan, 0.3 + 0.01 * np.arange(40) + 0.1 * residual))
    section = association(clinic(frame), "s", tmp_path)
    assert section.notes == ["6 of 40 patients with an outcome have no score s"]


def test_a_store_without_construction_patients_has_the_survival_of_the_score_itself(clinic: Clinic, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"patient_id": [f"P{i}" for i in range(40)], "cohort": "A", "cohort_role": "adjuvant", "score": rng.random(40)})
    frame = frame.assign(dfs_months=rng.exponential(30, 40).round(1) + 1, dfs_event=np.arange(40) % 2)
    section = follow_up(clinic(frame), "s", "dfs", tmp_path)
    assert section.missing[0].startswith("curves by band: score s: bands are cut on construction patients, and none has this score")
    assert [what for what, _ in section.key] == ["Disease-free survival, hazard ratio score (per 0.1)"]
    first, second = (one.caption for one in section.pictures)
    assert first == "Disease-free survival, one curve (Kaplan-Meier) with numbers at risk"
    assert second.startswith("Are hazards proportional?")


def test_the_command_under_a_section_makes_the_same_rows_again(clinic: Clinic, ladder: Ladder, tmp_path: Path) -> None:
    n = 90
    rng = np.random.default_rng(8)
    at = np.arange(n)
    frame = pd.DataFrame({"patient_id": [f"P{i:02d}" for i in range(n)], "score": rng.random(n), "age_years": 40 + at % 30})
    role = np.where(at < 60, "construction", "adjuvant")
    setting = np.where(at < 60, "neoadjuvant", "adjuvant")
    regimen = np.where(at % 2, "THP", "TCbHP/PCbHP")
    frame = frame.assign(cohort=role, cohort_role=role, setting=setting, regimen=regimen, is_pcr=np.where(at < 60, rng.random(n) < 0.5, at % 2))
    frame = frame.assign(is_pcr=frame["is_pcr"].astype(int), dfs_months=rng.exponential(40, n).round(1) + 1, dfs_event=at % 3 == 0)
    frame = frame.assign(dfs_event=frame["dfs_event"].astype(int))
    store = clinic(frame)
    made = [association(store, "s", tmp_path), regimens(store, "s", tmp_path), performance(store, "s", tmp_path), follow_up(store, "s", "dfs", tmp_path)]
    for section in made:
        words = shlex.split(section.command)
        assert words[0] == "ladder"
        with store.reading() as con:
            first = arrow_table(con, "SELECT * FROM ladder.base.analysis_result WHERE run = ?", [section.runs[0]]).to_pylist()
        again = ladder(store, *words[1:])
        assert told(again) == told(first), section.command


def told(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr([row[name] for name in ("cohort", "subgroup", "term", "metric", "value", "lo", "hi", "p", "n")]) for row in rows)
