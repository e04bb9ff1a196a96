"""Which features a contrast speaks of, and their values a patient: sc-MTOP's, those of an imported set, or numeric covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from her2ladder.errors import InputError
from her2ladder.queries.run import Run

SC_MTOP = "sc-mtop"
PAPER = (  # Fig. 6b-e, 7a-d
    "HER2strong_complete_HER2strong_incomplete_Nsubgraph",
    "HER2strong_complete_HER2strong_incomplete_minEdgeLength",
    "Pi_HER2strong_complete_in_HER2strong",
    "Pi_HER2weak_complete_in_tumor_cells",
    "Neutro_Lymph_Nsubgraph",
    "Neutro_Lymph_minEdgeLength",
    "Lymph_Lymph_Nsubgraph",
    "Lymph_Lymph_minEdgeLength",
)


@dataclass(frozen=True)
class FeatureTable:
    """Values of the features asked for.

    frame    patient_id as index, one column a feature in the order asked for; NaN = missing
    units    feature -> unit, where the dictionary knows one
    source   where they come from, in words: `sc-mtop`, `imported set X`, `covariates`
    """

    frame: pd.DataFrame
    units: dict[str, str]
    source: str


def feature_values(this: Run, asked: str | None, people: pd.DataFrame) -> FeatureTable:
    """Return the features that `--features` means, for the patients of `people`.

    asked    None: all of sc-mtop (or of the only imported set); `paper`; `SET:` or `SET:a,b`; `a,b`
    raises   InputError where there are no features, or none of a name
    """
    sets = this.fetch("cohort/feature_sets").to_pandas()
    held = {str(name): list(part["feature"]) for name, part in sets.groupby("feature_set", sort=False)}
    text = (asked or "").strip()
    if not text or text == "paper":
        name = _only_set(held)
        return _of_set(this, name, list(PAPER) if text else held[name], people, sets)
    if ":" in text:
        name, _, listed = text.partition(":")
        if name not in held:
            raise InputError(f"--features {name}: no such feature set; there is {', '.join(held) or 'none'}")
        names = _names(listed) or held[name]
        unknown = [one for one in names if one not in held[name]]
        if unknown:
            raise InputError(f"--features: the set {name} has no feature {unknown[0]!r}; it has {_some(held[name])}")
        return _of_set(this, name, names, people, sets)
    return _by_name(this, _names(text), held, people, sets)


def _by_name(this: Run, names: list[str], held: dict[str, list[str]], people: pd.DataFrame, sets: pd.DataFrame) -> FeatureTable:
    """Find each name in sc-mtop, in an imported set, in the dictionary (then without values), or among numeric covariates."""
    known = {name for (name,) in this.con.sql("SELECT DISTINCT feature FROM feature_dictionary").fetchall()}
    parts: list[FeatureTable] = []
    for name in dict.fromkeys(names):
        among = [one for one in sorted(held, key=lambda one: (one != SC_MTOP, one)) if name in held[one]]
        if len(among) > 1 and among[0] != SC_MTOP:
            raise InputError(f"--features {name}: stands in the sets {', '.join(among)}: write {among[0]}:{name}")
        if among:
            parts.append(_of_set(this, among[0], [name], people, sets))
        elif name in known:
            parts.append(FeatureTable(_empty(people, [name]), {}, SC_MTOP))
        elif name in people.columns and pd.api.types.is_numeric_dtype(people[name]) and name != "score":
            parts.append(FeatureTable(people.set_index("patient_id")[[name]].astype(float), {}, "covariates"))
        else:
            there = _some([feature for features in held.values() for feature in features])
            raise InputError(
                f"--features: no feature or numeric covariate called {name!r}; there is {there or 'none: run ladder features'}"
            )
    units = {name: unit for part in parts for name, unit in part.units.items()}
    sources = list(dict.fromkeys(part.source for part in parts))
    return FeatureTable(pd.concat([part.frame for part in parts], axis=1), units, ", ".join(sources))


def _of_set(this: Run, name: str, features: list[str], people: pd.DataFrame, sets: pd.DataFrame) -> FeatureTable:
    rows = this.fetch("cohort/named_features", feature_set=name, features=features).to_pandas()
    wide = _empty(people, features)
    if not rows.empty:
        found = rows.pivot(index="patient_id", columns="feature", values="value").reindex(people["patient_id"])
        wide[list(found.columns)] = found.astype(float)
    own = sets[(sets["feature_set"] == name) & sets["unit"].notna()]
    units = {str(row.feature): str(row.unit) for row in own.itertuples() if row.feature in features}
    return FeatureTable(wide[features], units, name if name == SC_MTOP else f"imported set {name}")


def _only_set(held: dict[str, list[str]]) -> str:
    """Return sc-mtop, or the imported set where it is the only one."""
    if SC_MTOP in held or len(held) == 1:
        return SC_MTOP if SC_MTOP in held else next(iter(held))
    if not held:
        raise InputError("no patient has features: run ladder features, or bring a table with ladder ingest features")
    raise InputError(
        f"--features: no {SC_MTOP} features, and several imported sets: name one, as {next(iter(held))}: ; there is {', '.join(held)}"
    )


def _empty(people: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    return pd.DataFrame(np.nan, index=pd.Index(people["patient_id"]), columns=features)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _some(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
