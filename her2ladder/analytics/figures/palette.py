"""One colour for one thing in every map, figure and page: cell classes, bands, regimens, cohorts.

The cell colours were searched, not picked: within a stain, `Other` included, every two differ by at least 0.11 in OKLab to the normal
eye and to simulated protan, deutan and tritan eyes, and each stands out from white and from the dark page (contrast >= 2.2; the test
measures all of it). Regimens and cohorts use Okabe and Ito's set, whose yellow is darkened so that it shows on white. *chosen*: the
paper gives no colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from her2ladder.schema.vocabulary import OTHER

CLASS_COLOURS: dict[str, str] = {
    "Tumor": "#C4161C",
    "Stroma": "#4CBDB5",
    "Neutro": "#A311AA",
    "Lymph": "#2446F0",
    "Macro": "#D0A21C",
    # Strong staining is warm, weak is blue, none is plum; the complete membrane is the deeper shade of the two.
    "HER2strong_complete": "#B3160E",
    "HER2strong_incomplete": "#F57A22",
    "HER2weak_complete": "#1D4FD7",
    "HER2weak_incomplete": "#2FA0F2",
    "HER2null": "#7D5179",
    OTHER: "#80848C",
}

OKABE_ITO: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B5A600", "#555555")

FADED = "#DDE0E4"  # cells that are there, and are not what a map is about

BAND_COLOURS: dict[str, str] = {"Low": "#0072B2", "Medium": "#E0A100", "High": "#C4161C"}

# The paper's six, in its order; open text may bring others, which take the colours that are left.
REGIMEN_COLOURS: dict[str, str] = dict(
    zip(("TCbHP/PCbHP", "ddAC-THP", "THP", "TCbH/PCbH", "SHR-A1811", "TH+pyrotinib"), OKABE_ITO, strict=False)
)

# By role, since a cohort's name is the user's own.
ROLE_COLOURS: dict[str, str] = dict(
    zip(
        ("construction", "temporal_validation", "trial_validation", "external_validation", "regimen", "adjuvant", "xenium"),
        OKABE_ITO,
        strict=False,
    )
)

_EXTRA_CLASS_COLOURS: tuple[str, ...] = (*OKABE_ITO, "#8C5A2B", "#6A51A3", "#3F7F5F", "#D94D8C")


def _assign(names: Iterable[str], known: Mapping[str, str], cycle: tuple[str, ...]) -> dict[str, str]:
    """Return a colour for each name: the known one, else the next of `cycle` that no name of the list has; the cycle repeats."""
    wanted = list(dict.fromkeys(names))
    colours = {name: known[name] for name in wanted if name in known}
    free = [colour for colour in cycle if colour not in colours.values()] or list(cycle)
    for position, name in enumerate(name for name in wanted if name not in known):
        colours[name] = free[position % len(free)]
    return {name: colours[name] for name in wanted}


def class_colours(names: Iterable[str]) -> dict[str, str]:
    """Return `#RRGGBB` for each cell class, in the order given; a class of a user's own vocabulary gets one that the list has free."""
    return _assign(names, CLASS_COLOURS, _EXTRA_CLASS_COLOURS)


def band_colours(names: Iterable[str]) -> dict[str, str]:
    """Return `#RRGGBB` for each band; Low, Medium and High are fixed."""
    return _assign(names, BAND_COLOURS, OKABE_ITO)


def regimen_colours(names: Iterable[str]) -> dict[str, str]:
    """Return `#RRGGBB` for each regimen; the paper's six are fixed."""
    return _assign(names, REGIMEN_COLOURS, OKABE_ITO)


def cohort_colours(names: Iterable[str]) -> dict[str, str]:
    """Return `#RRGGBB` for each cohort name or role; the roles of the vocabulary are fixed, also written as words."""
    return _assign(names, ROLE_COLOURS | {role.replace("_", " "): colour for role, colour in ROLE_COLOURS.items()}, OKABE_ITO)
