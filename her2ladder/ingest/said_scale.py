"""What a file says of its scale, held against what we were told: a factor of two here is in every distance, and no later step sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from her2ladder.errors import InputError
from her2ladder.ingest.readers.base import CellBatch

# A 40x file is at about 0.25 um/px, a 20x one at 0.5: micrometres per pixel x magnification = 10. Scanners differ by a tenth.
MAG_TIMES_MPP = 10.0
MAG_TOLERANCE = 1.5
FILE_MPP_TOLERANCE = 1.1  # the same slide is 0.25 to one tool and 0.2527 to another


class SaidScale:
    """The magnification, or the mpp, that a file says it is at, against the mpp that we were given (decision 0026).

    value   magnification, 0 = the file says none
    """

    def __init__(self, source: Path, mpp: float | None, slide_mpp: float | None, *, mpp_as_given: bool) -> None:
        self._source, self._given, self._slide_mpp, self._as_given = source, mpp, slide_mpp, mpp_as_given
        self.value = 0.0

    def checked(self, batches: Iterator[CellBatch]) -> Iterator[CellBatch]:
        """Pass batches on.

        raises   InputError where they contradict the mpp
        """
        for batch in batches:
            if batch.mag and batch.mag != self.value:
                self.value = batch.mag
                self._check()
            self._check_mpp(batch.file_mpp)
            yield batch

    def _check_mpp(self, told: float) -> None:
        given = self._given
        if not told or given is None or self._as_given or 1 / FILE_MPP_TOLERANCE <= given / told <= FILE_MPP_TOLERANCE:
            return
        raise InputError(
            f"{self._source}: the file says that its coordinates are at {told:g} um/px, --mpp says {given:g}: leave --mpp out to take the "
            "file's, or say --mpp-as-given to take yours"
        )

    def _check(self) -> None:
        mpp, slide_mpp = self._given, self._slide_mpp
        if mpp is None or self._as_given or 1 / MAG_TOLERANCE <= mpp * self.value / MAG_TIMES_MPP <= MAG_TOLERANCE:
            return
        level_0 = "" if slide_mpp is None else f" (the slide's level 0 is at {slide_mpp:g})"
        raise InputError(
            f"{self._source}: the file says that its coordinates are at {self.value:g}x, about {MAG_TIMES_MPP / self.value:g} um/px; --mpp "
            f"says {mpp:g}{level_0}: give as --mpp what the file's own coordinates are in, or say --mpp-as-given to keep yours"
        )
