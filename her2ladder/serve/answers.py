"""An answer as the request wants it: JSON, CSV, Arrow or Parquet; never more rows than one answer may have."""

from __future__ import annotations

import io

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response

from her2ladder.errors import LadderError
from her2ladder.queries import formats

MEDIA = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


class Refused(LadderError):
    """A request that is answered by a status and one line."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def wanted_format(request: Request, named: object = None) -> str:
    """Return the format that a request names, or accepts; JSON where it says nothing.

    raises   Refused (400, 406)
    """
    if named is not None:
        if not isinstance(named, str) or named not in MEDIA:
            raise Refused(400, f"format: wanted one of {', '.join(MEDIA)}, found {str(named)[:50]!r}")
        return named
    accepted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    for kind in accepted:
        for name, media in MEDIA.items():
            if kind == media.partition(";")[0]:
                return name
        if kind in ("*/*", "application/*", ""):
            return "json"
    raise Refused(406, f"Accept: wanted one of {', '.join(media.partition(';')[0] for media in MEDIA.values())}")


def taken(reader: pa.RecordBatchReader, most_rows: int) -> pa.Table:
    """Read an answer whole.

    raises   Refused (413) where it has more rows than one answer may have; the rest is not read
    """
    batches, n = [], 0
    for batch in reader:
        n += batch.num_rows
        if n > most_rows:
            raise Refused(413, f"the answer has more than {most_rows:,} rows: ask for fewer (LIMIT, WHERE, GROUP BY), or use `ladder sql`")
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def respond(table: pa.Table, format_: str, headers: dict[str, str] | None = None) -> Response:
    """Return a table in one of the formats."""
    out = io.BytesIO()
    formats.write(table.to_reader(), format_, out)
    return Response(out.getvalue(), media_type=MEDIA[format_], headers=headers)
