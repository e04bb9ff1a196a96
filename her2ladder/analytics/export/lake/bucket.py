"""An export in an S3 bucket."""

from __future__ import annotations

from pathlib import Path

from her2ladder.schema.bucket import Bucket


class BucketPlace:
    """A prefix of a bucket, as places.Place wants it."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket, self._name = bucket, name

    @property
    def name(self) -> str:
        return self._name

    def within(self, name: str) -> BucketPlace:
        return BucketPlace(self._bucket.within(name), name)

    def uri(self, name: str = "") -> str:
        return self._bucket.uri(name)

    def read(self, name: str) -> bytes | None:
        found = self._bucket.get(name)
        return None if found is None else found.content

    def has(self, name: str) -> bool:
        return self._bucket.has(name)

    def create(self, name: str, content: bytes) -> bool:
        return self._bucket.put_if(name, content, tag=None) is not None

    def replace(self, name: str, content: bytes) -> None:
        self._bucket.put(name, content)

    def put(self, name: str, source: Path) -> None:
        self._bucket.upload(name, source)

    def remove(self, name: str) -> None:
        self._bucket.remove(name)

    def names(self, folder: str) -> list[str]:
        return self._bucket.names(folder)

    def io_properties(self) -> dict[str, str]:
        return self._bucket.io_properties()
