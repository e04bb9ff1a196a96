"""LADDER: spatial analytics of HER2-positive breast cancer over one store of cells.

    import her2ladder

    study = her2ladder.open("study")
    study.sql("SELECT cell_class, count(*) AS n FROM cell GROUP BY ALL").df()
    study.survival(by="band", score="ladder-v1", endpoint="dfs", record=False).figure
    her2ladder.sc_mtop(x_um, y_um, cell_class)

Nothing heavy is imported before it is asked for: commands import from this package too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from her2ladder.api.kernel import sc_mtop
    from her2ladder.api.results import Answer, Result
    from her2ladder.api.study import Study, create, open

__all__ = ["Answer", "Result", "Study", "create", "open", "sc_mtop"]

_WHERE = {"Study": "study", "create": "study", "open": "study", "Answer": "results", "Result": "results", "sc_mtop": "kernel"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'her2ladder' has no attribute {name!r}; there is {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"her2ladder.api.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
