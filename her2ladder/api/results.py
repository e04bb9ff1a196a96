"""What a question of the Python API returns: a table that shows itself, an analysis with its rows and figures."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.figure import Figure

SHOWN_ROWS = 20  # of a table in a notebook
SHOWN = ("cohort", "subgroup", "term", "metric", "value", "lo", "hi", "p", "p_adjusted", "n", "events", "test", "note")


class Answer:
    """The answer to a question in SQL: a table, as Arrow, pandas or polars."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        return self._table

    def df(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame."""
        return self._table.to_pandas()

    def pl(self) -> pl.DataFrame:
        """Return the rows as a polars DataFrame."""
        import polars as pl

        frame = pl.from_arrow(self._table)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __repr__(self) -> str:
        return f"{self._table.num_rows:,} rows: {', '.join(self._table.column_names)}"

    def _repr_html_(self) -> str:
        return _html(self._table.slice(0, SHOWN_ROWS).to_pandas(), self._table.num_rows)


class Result:
    """An analysis: its rows as they stand in analysis_result, its figures, and the run that wrote it.

    rows     DataFrame, the columns of analysis_result
    run      the run's id; '' where nothing was recorded
    remarks  what must be said beside the rows
    done     what the stage itself returned
    """

    def __init__(self, done: Any, write: Callable[[Any, Path], list[Path]], remarks: tuple[str, ...] = ()) -> None:
        self.done, self.remarks = done, tuple(text for text in remarks if text)
        self.run = str(done.run)
        self._write = write

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows, as `--json` prints them."""
        import pandas as pd

        return pd.DataFrame(self.done.rows)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """Every figure that `-o` would write, by the name of its file."""
        from her2ladder.analytics.figures.save import held_figures

        with tempfile.TemporaryDirectory(prefix="ladder-figures-") as folder, held_figures() as held:
            self._write(self.done, Path(folder))
        return held

    @property
    def figure(self) -> Figure | None:
        """The first of the figures; None where the analysis draws none."""
        return next(iter(self.figures.values()), None)

    def save(self, folder: str | Path) -> list[Path]:
        """Write what `-o FOLDER` writes: figures, the numbers behind them, all rows; return the paths."""
        return self._write(self.done, Path(folder))

    def __repr__(self) -> str:
        return f"{type(self.done).__name__}: {len(self.done.rows)} rows, {f'run {self.run}' if self.run else 'not recorded'}"

    def _repr_html_(self) -> str:
        frame = self.rows[[name for name in SHOWN if name in self.rows and self.rows[name].notna().any()]]
        said = "".join(f"<p>{_escaped(text)}</p>" for text in self.remarks)
        png = self._repr_png_()
        drawn = f'<img alt="figure" style="max-width:100%" src="data:image/png;base64,{b64encode(png).decode()}">' if png else ""
        return said + _html(frame.head(SHOWN_ROWS), len(frame)) + drawn

    def _repr_png_(self) -> bytes | None:
        from her2ladder.analytics.figures.save import figure_bytes

        return None if self.figure is None else figure_bytes(self.figure, "png", dpi=150)


def _html(frame: pd.DataFrame, n: int) -> str:
    more = f"<p>the first {len(frame)} of {n:,} rows</p>" if n > len(frame) else ""
    return str(frame.to_html(index=False, escape=True, na_rep="", float_format=lambda value: f"{value:.6g}")) + more


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)
