"""What the report asks of the store before it computes: which score, whose slides, which roles, settings and regimens there are."""

from __future__ import annotations

from her2ladder.errors import InputError
from her2ladder.schema.store import Store


def chosen_score(store: Store, asked: str | None) -> str | None:
    """Return the score that the page speaks of: the one asked for, the newest trained one, or the only one.

    raises   InputError where there is no such score, or several imported ones and none was named
    """
    with store.reading() as con:
        names = [name for (name,) in con.sql("SELECT DISTINCT score_name FROM score_current ORDER BY 1").fetchall()]
        trained = [name for (name,) in con.sql("SELECT name FROM model WHERE kind = 'ensemble' ORDER BY run DESC").fetchall()]
    if asked is not None:
        if asked not in names:
            raise InputError(f"--score: no score called {asked!r}; there is {', '.join(names) or 'none'}")
        return asked
    candidates = [name for name in trained if name in names] or names
    if not trained and len(candidates) > 1:
        raise InputError(f"--score: which one? there is {', '.join(candidates)}")
    return candidates[0] if candidates else None


def is_trained(store: Store, score: str) -> bool:
    """Whether the score is a trained model's."""
    with store.reading() as con:
        return bool(con.execute("SELECT 1 FROM model WHERE name = ? LIMIT 1", [score]).fetchall())


def is_store_synthetic(store: Store) -> bool:
    """Whether any patient of the store was simulated."""
    with store.reading() as con:
        found = con.sql(
            "SELECT count(*) FROM patient WHERE starts_with(patient_id, 'SYN-') OR contains(lower(coalesce(cohort, '')), 'synthetic')"
        )
        return bool(found.fetchall()[0][0])


def median_patients(store: Store, score: str) -> list[tuple[str, str, str, str]]:
    """Return (band, patient, slide, stain) of the slides of one patient a band, Low and High."""
    found = []
    with store.reading() as con:
        for band in ("Low", "High"):
            ids = con.execute(
                "SELECT patient_id FROM score_current WHERE score_name = ? AND band = ? AND patient_id IN (SELECT patient_id FROM slide) ORDER BY score, patient_id",
                [score, band],
            ).fetchall()
            if ids:
                patient = ids[len(ids) // 2][0]
                slides = con.execute(
                    "SELECT slide_id, stain FROM slide WHERE patient_id = ? ORDER BY stain, slide_id", [patient]
                ).fetchall()
                found += [(band, patient, slide_id, stain) for slide_id, stain in slides[:2]]
    return found


def has_role(store: Store, role: str) -> bool:
    """Whether a cohort has this role."""
    with store.reading() as con:
        return bool(con.execute("SELECT 1 FROM cohort WHERE cohort_role = ?", [role]).fetchall())


def has_paper_regimens(store: Store) -> bool:
    """The paper's own table needs its standard regimen in construction patients and at least one other."""
    with store.reading() as con:
        names = {
            name
            for (name,) in con.sql("SELECT DISTINCT regimen FROM patient WHERE excluded_reason IS NULL AND is_pcr IS NOT NULL").fetchall()
        }
    return "TCbHP/PCbHP" in names and bool(names & {"THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib"})


def only_setting(store: Store) -> str | None:
    """Response is a neoadjuvant question: adjuvant patients are kept apart where the store says who they are."""
    with store.reading() as con:
        settings = {name for (name,) in con.sql("SELECT DISTINCT setting FROM patient WHERE setting IS NOT NULL").fetchall()}
    return "neoadjuvant" if "neoadjuvant" in settings else None


def regimens_of_adjuvant(store: Store) -> str | None:
    """Subgroups by regimen where adjuvant patients had more than one."""
    with store.reading() as con:
        n = con.sql("SELECT count(DISTINCT regimen) FROM patient WHERE cohort_role = 'adjuvant'").fetchall()[0][0]
    return "regimen" if n > 1 else None
