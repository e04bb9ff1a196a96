"""Do the commands give back what was planted? SYNTHETIC studies of the paper's composition (1,249 patients), one a seed, by the command line alone:
`simulate --paper --no-slides`, `ingest`, `compare --as paper`, `odds --within regimen`, `survival`, `contrast`; at last one `report`, timed.

An interval holds the truth where it covers what the simulation planted: the population's pCR rate between the cuts this study froze, the odds
ratio per 0.1 of the true score in each regimen, the hazard ratio of High against Low between the true bands.

    python benchmarks/cohorts/planted.py [--seeds 20] [--write]
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from her2ladder.analytics.simulate import truth
from her2ladder.schema.vocabulary import BANDS

HERE = Path(__file__).parent
LADDER = str(Path(sys.executable).with_name("ladder"))
SCORE = ("--score", "synthetic-true")
STANDARD = "TCbHP/PCbHP"


def ladder(store: Path, *words: object) -> list[dict[str, Any]]:
    done = subprocess.run([LADDER, "--store", store, "--json", *map(str, words)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout) if done.stdout.startswith("[") else []


def study(folder: Path, seed: int) -> Path:
    """Simulate and ingest one study; return its store."""
    data, store = folder / f"data{seed}", folder / f"store{seed}"
    ladder(store, "simulate", data, "--paper", "--no-slides", "--seed", seed)
    for words in (
        ("init",),
        ("ingest", "clinical", data / "clinical.csv"),
        ("ingest", "features", data / "features.csv", "--name", "simulated"),
        ("ingest", "scores", data / "true_score.csv", "--name", "synthetic-true"),
    ):
        ladder(store, *words)
    return store


class Tally:
    """What was held and which way it went, over all studies."""

    def __init__(self) -> None:
        self.held: dict[str, list[bool]] = defaultdict(list)
        self.signs: dict[str, list[float]] = defaultdict(list)
        self.pcr: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def interval(self, what: str, row: dict[str, Any], planted: float) -> None:
        if row["lo"] is not None and row["hi"] is not None:
            self.held[what].append(row["lo"] <= planted <= row["hi"])

    def add(self, store: Path) -> None:
        compared = ladder(store, "compare", *SCORE, "--by", "band,regimen", "--as", "paper")
        cuts = ladder(store, "sql", "SELECT low_max, medium_max FROM score_band WHERE score_name = 'synthetic-true'")[0]
        edges = [0.0, cuts["low_max"], cuts["medium_max"], 1.0]
        rates = [row for row in compared if row["metric"] == "pcr_rate" and row["cohort"] == "as paper" and row["subgroup"] in BANDS]
        for row in rates:
            at = BANDS.index(row["subgroup"])
            self.interval("pCR rate, band x regimen (Wilson)", row, truth.pcr_rate(row["term"], edges[at], edges[at + 1]))
            self.pcr[row["subgroup"], row["term"]][0] += row["events"]
            self.pcr[row["subgroup"], row["term"]][1] += row["n"]
        for row in ladder(store, "odds", *SCORE, "--within", "regimen"):
            if row["metric"] == "odds_ratio" and row["term"] == "score (per 0.1)" and row["subgroup"] in truth.OUTCOMES:
                self.interval("odds ratio per 0.1, each regimen", row, truth.OUTCOMES[row["subgroup"]].odds_ratio_per_tenth)
        for endpoint, planted in (("os", truth.DEATH_RATIO["High"]), ("dfs", truth.dfs_hazard_ratio("High"))):
            for row in ladder(store, "survival", *SCORE, "--endpoint", endpoint, "--cohort", "adjuvant"):
                if row["metric"] == "hazard_ratio" and row["term"] == "High vs Low" and row["subgroup"] == "all":
                    self.interval(f"hazard ratio High vs Low, {endpoint}", row, planted)
                    self.signs[f"log hazard ratio, {endpoint}"].append(math.log(row["value"]))
        for row in ladder(store, "contrast", *SCORE, "--between", "band"):
            if row["metric"] == "rank_sum" and row["subgroup"] == "High vs Low" and row["term"] in truth.DIRECTIONS:
                self.signs[row["term"]].append(row["value"] * truth.DIRECTIONS[row["term"]])

    def lines(self) -> list[str]:
        text = ["| 95 % intervals | n | hold the planted value |", "|---|--:|--:|"]
        everything = [one for each in self.held.values() for one in each]
        for what, held in [*self.held.items(), ("all", everything)]:
            text.append(f"| {what} | {len(held)} | {100 * sum(held) / len(held):.1f} % |")
        text += [
            "",
            "| pooled estimate | mean over studies (planted direction positive) | studies with the planted sign |",
            "|---|--:|--:|",
        ]
        for what, signs in self.signs.items():
            text.append(f"| {what} | {sum(signs) / len(signs):+.2f} | {sum(s > 0 for s in signs)} of {len(signs)} |")
        text += ["", "| pooled pCR, % | " + " | ".join(BANDS) + " |", "|---|--:|--:|--:|"]
        for regimen in sorted({regimen for _, regimen in self.pcr}):
            shares = [self.pcr[band, regimen] for band in BANDS]
            text.append(f"| {regimen} | " + " | ".join(f"{100 * k / n:.1f}" for k, n in shares) + " |")
        return text

    def is_right(self) -> bool:
        everything = [one for each in self.held.values() for one in each]
        rate = {key: k / n for key, (k, n) in self.pcr.items()}
        pattern = all(rate["Medium", less] < rate["Medium", STANDARD] for less in ("THP", "TCbH/PCbH"))
        pattern &= all(rate["High", more] > rate["High", STANDARD] for more in ("SHR-A1811", "TH+pyrotinib"))
        return sum(everything) / len(everything) >= 0.85 and pattern and all(sum(signs) > 0 for signs in self.signs.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md beside this file")
    chosen = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as made:
        for seed in range(1, chosen.seeds + 1):
            store = study(Path(made), seed)
            tally.add(store)
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        ladder(store, "report", "-o", Path(made) / "report.html")
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        size = (Path(made) / "report.html").stat().st_size / 1e6
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = "\n".join([
        "# Cohort analyses: SYNTHETIC studies of the paper's composition",
        "",
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores. One run of `python benchmarks/cohorts/planted.py --seeds {chosen.seeds}`.",
        "",
        *tally.lines(),
        "",
        f"`ladder report` on the last study (1,249 patients, 139 features, a score): {wall:.0f} s wall, {cpu:.0f} CPU s, one page of {size:.1f} MB.",
        "",
    ])  # fmt: skip
    print(text)
    if chosen.write:
        (HERE / "RESULTS.md").write_text(text)
    return int(not tally.is_right())


if __name__ == "__main__":
    sys.exit(main())
