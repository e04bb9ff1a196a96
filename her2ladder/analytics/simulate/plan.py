"""What to simulate: cohorts with role, regimen and size; the paper's composition, a demo of it, and any size between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from her2ladder.errors import InputError

TCBHP, DDAC, THP, TCBH, ADC, TKI = "TCbHP/PCbHP", "ddAC-THP", "THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib"
REGIMENS = (TCBHP, DDAC, THP, TCBH, ADC, TKI)
NO_SLIDES = "no paired baseline H&E and HER2 IHC slides"
NO_PRIMARY = "no slides of the primary tumour"


@dataclass(frozen=True)
class Group:
    """One cohort: `n` patients are analysed, `n_excluded` more are enrolled and left out for `excluded_reason`.

    fidelity    1 = features speak of resistance as in the construction cohort; below 1 they say less (another scanner, another site)
    """

    cohort: str
    role: str
    setting: str
    regimen: str
    n: int
    n_excluded: int = 0
    excluded_reason: str = NO_SLIDES
    fidelity: float = 1.0


@dataclass(frozen=True)
class Plan:
    """A study to simulate.

    cells_per_slide  median over slides; single slides vary by about a third
    hazard_factor    multiplies every hazard (1 = as few events as in the paper); hazard ratios do not change
    """

    name: str
    groups: tuple[Group, ...]
    cells_per_slide: int = 1000
    stains: tuple[str, ...] = ("HE", "HER2")
    cell_format: str = "hovernet"
    hazard_factor: float = 1.0

    @property
    def n_analysed(self) -> int:
        """Patients with slides."""
        return sum(g.n for g in self.groups)

    @property
    def n_enrolled(self) -> int:
        """Patients of the clinical table, the excluded among them."""
        return sum(g.n + g.n_excluded for g in self.groups)


# Sizes: paper, "Patient samples, clinical data, and study cohorts" (1,249 analysed). Excluded: 14 of 372, 3 of 88, 6 of 490; how these
# fall on construction and temporal, and on the five regimens, the paper does not say: in proportion to size (chosen).
_PAPER = (
    Group("synthetic-construction", "construction", "neoadjuvant", TCBHP, 276, 11),
    Group("synthetic-temporal", "temporal_validation", "neoadjuvant", TCBHP, 82, 3),
    Group("synthetic-trial", "trial_validation", "neoadjuvant", TCBHP, 85, 3, NO_PRIMARY),
    # chosen: the paper's external AUC (0.798) is lower than the others', so this site's features are planted less faithful
    Group("synthetic-external", "external_validation", "neoadjuvant", TCBHP, 40, fidelity=0.8),
    Group("synthetic-ddac-thp", "regimen", "neoadjuvant", DDAC, 18),
    Group("synthetic-thp", "regimen", "neoadjuvant", THP, 46, 1),
    Group("synthetic-tcbh", "regimen", "neoadjuvant", TCBH, 301, 4),
    Group("synthetic-shr-a1811", "regimen", "neoadjuvant", ADC, 80, 1),
    Group("synthetic-th-pyrotinib", "regimen", "neoadjuvant", TKI, 39),
    Group("synthetic-adjuvant-tcbhp", "adjuvant", "adjuvant", TCBHP, 157),
    Group("synthetic-adjuvant-ddac-thp", "adjuvant", "adjuvant", DDAC, 125),
)
PAPER_ANALYSED = 1249
# Enough for every command to have something to say, and small enough for a minute (chosen).
_DEMO_SIZES = {
    "synthetic-construction": (52, 2),
    "synthetic-temporal": (14, 1),
    "synthetic-trial": (14, 1),
    "synthetic-external": (8, 0),
    "synthetic-ddac-thp": (4, 0),
    "synthetic-thp": (9, 0),
    "synthetic-tcbh": (16, 1),
    "synthetic-shr-a1811": (10, 0),
    "synthetic-th-pyrotinib": (7, 0),
    "synthetic-adjuvant-tcbhp": (16, 0),
    "synthetic-adjuvant-ddac-thp": (10, 0),
}


def paper(cells_per_slide: int = 1000) -> Plan:
    """Return the paper's composition: 1,249 analysed patients, 23 more enrolled and excluded."""
    return Plan("paper", _PAPER, cells_per_slide)


def demo(cells_per_slide: int = 900) -> Plan:
    """Return a small study of all roles and regimens; hazards are fourfold, so that 26 adjuvant patients show a curve (chosen)."""
    groups = tuple(replace(g, n=_DEMO_SIZES[g.cohort][0], n_excluded=_DEMO_SIZES[g.cohort][1]) for g in _PAPER)
    return Plan("demo", groups, cells_per_slide, hazard_factor=4.0)


def scaled(n_patients: int, cells_per_slide: int = 1000) -> Plan:
    """Return the paper's composition at `n_patients` analysed patients, one or more in each of its eleven cohorts.

    raises   InputError below eleven patients
    """
    if n_patients < len(_PAPER):
        raise InputError(
            f"simulate: wanted at least {len(_PAPER)} patients, one for each cohort, got {n_patients}; give --patients {len(_PAPER)}"
        )
    sizes = _largest_remainder([g.n for g in _PAPER], n_patients, at_least=1)
    excluded = [round(g.n_excluded * n_patients / PAPER_ANALYSED) for g in _PAPER]
    groups = tuple(replace(g, n=n, n_excluded=x) for g, n, x in zip(_PAPER, sizes, excluded, strict=True))
    return Plan(f"{n_patients} patients", groups, cells_per_slide)


def _largest_remainder(weights: list[int], total: int, at_least: int) -> list[int]:
    """Split `total` in proportion to `weights`: whole numbers that sum to it, none below `at_least`."""
    spare, whole = total - at_least * len(weights), sum(weights)
    shares = [spare * w / whole for w in weights]
    parts = [int(share) for share in shares]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - shares[i], i))
    for i in by_remainder[: spare - sum(parts)]:
        parts[i] += 1
    return [at_least + part for part in parts]
