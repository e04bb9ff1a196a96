"""Types and columns that several tables share."""

from __future__ import annotations

import pyarrow as pa

from her2ladder.schema.contract import Column

TEXT, I8, I32, I64 = pa.string(), pa.int8(), pa.int32(), pa.int64()

F32, F64 = pa.float32(), pa.float64()

TIME = pa.timestamp("us")

WORD = pa.dictionary(pa.int16(), pa.string())  # few distinct values: dictionary-encoded in Arrow and Parquet


def one_of(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


SLIDE_ID = Column("slide_id", TEXT, "slide the row belongs to", required=True)

STAIN = Column("stain", TEXT, "stain of the slide: HE, HER2 or a name of a user's vocabulary", required=True)

PATIENT_ID = Column("patient_id", TEXT, "patient, pseudonymous", required=True)

RUN = Column("run", TEXT, "run that wrote the row: see table run", required=True)

CELL_ID = Column("cell_id", I32, "number within the slide, from 0 in the file order of the source", required=True)
