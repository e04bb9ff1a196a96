"""What does the procedure give on real patients: IMPRESS (Huang et al. 2023), image + clinical beside clinical alone?

    python benchmarks/learning/impress.py FOLDER [--subtype HER2+] [--budget 8] [--repeats 20] [--leave-one-out]

Everything runs through the command line: `ingest clinical`, `ingest features`, `train`, `evaluate`. FOLDER holds features/IMPRESS/ and
clinical/ of the authors' repository. Their features are indexed by patient number while the clinical table is numbered from 0: the order of
rows agrees, the index does not. So the tables are first put in as published, to show what the import says of it, then with one index.
--leave-one-out is biased low under the null (a pooled leave-one-out AUC of noise is .33, not .5): only to set beside the authors' figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

LADDER = str(Path(sys.executable).with_name("ladder"))
CLINICAL = ("age_years", "her2_cep17_ratio", "er", "er_percent", "pr", "pr_percent")
COLUMNS = """extra = ["her2_cep17_ratio", "er", "er_percent", "pr", "pr_percent"]
[columns]
age_years = "age"
is_pcr = "pCR"
her2_cep17_ratio = "HER2/CEP17 ratio"
er = "ER"
er_percent = "ER%"
pr = "PR"
pr_percent = "PR%"
[constants]
cohort = "IMPRESS"
cohort_role = "construction"
setting = "neoadjuvant"
"""


def tables(folder: Path, subtype: str, out: Path) -> None:
    """Write features.csv, clinical_as_published.csv, clinical.csv (the features' index) and columns.toml."""
    features, clinical = (
        pd.read_csv(folder / part / f"{subtype}.csv", header=[0, 1], index_col=0) for part in ("features/IMPRESS", "clinical")
    )
    assert len(features) == len(clinical), "the tables are matched by row"
    features.columns = ["_".join(column) for column in features.columns]
    clinical.columns = [name for _, name in clinical.columns]
    features.index.name = clinical.index.name = "patient_id"
    features.to_csv(out / "features.csv")
    clinical.to_csv(out / "clinical_as_published.csv")
    clinical.set_axis(features.index).to_csv(out / "clinical.csv")
    (out / "columns.toml").write_text(COLUMNS)


def ladder(store: Path, *words: object) -> tuple[list[dict[str, Any]], str]:
    """Run a command; return its rows and what it said."""
    done = subprocess.run([LADDER, "--store", store, "--json", *map(str, words)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]"), done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subtype", default="HER2+", choices=("HER2+", "TNBC"))
    for option, default in (("--budget", 8), ("--repeats", 20), ("--workers", 2)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--leave-one-out", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        out = Path(made)
        tables(chosen.folder, chosen.subtype, out)
        for store, clinical in (("trap", "clinical_as_published.csv"), ("store", "clinical.csv")):
            ladder(out / store, "init")
            ladder(out / store, "ingest", "clinical", out / clinical, "--map", out / "columns.toml")
            said = ladder(out / store, "ingest", "features", out / "features.csv", "--name", "impress")[1]
            print(f"{clinical}: {' / '.join(said.strip().splitlines())}")
        folds = ("--folds", 0, "--repeats", 1) if chosen.leave_one_out else ("--folds", 5, "--repeats", chosen.repeats)
        given = ("--features", "impress", "--clinical", ",".join(CLINICAL), "--budget", chosen.budget, "--workers", chosen.workers)
        ladder(out / "store", "train", "--name", "image", *given, *folds)
        rows, _ = ladder(out / "store", "evaluate", "--score", "image", "--cohort", "IMPRESS")
        _print(
            rows, f"{chosen.subtype}, {'leave-one-out' if chosen.leave_one_out else f'5 folds x {chosen.repeats}'}, budget {chosen.budget}"
        )


def _print(rows: list[dict[str, Any]], what: str) -> None:
    wanted = {"auc", "auc_logit", "auc_mean_of_repeats", "auc_difference", "calibration_slope", "brier"}
    print(f"\n{what}\n\n| metric | term | value | 95 % interval | p | n | residual | |\n|---|---|--:|---|--:|--:|--:|---|")
    for row in rows:
        if row["metric"] in wanted and row["cohort"] == "IMPRESS" and row["term"].startswith("image"):
            interval = "" if row["lo"] is None else f"{row['lo']:.3f} to {row['hi']:.3f}"
            value, p = ("" if row[name] is None else f"{row[name]:.3f}" for name in ("value", "p"))
            print(f"| {row['metric']} | {row['term']} | {value} | {interval} | {p} | {row['n']} | {row['events']} | {row['test'] or ''} |")


if __name__ == "__main__":
    main()
