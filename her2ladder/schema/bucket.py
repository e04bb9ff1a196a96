"""A prefix of an S3 bucket: whole objects, conditional puts, and every fault as one line that names the object.

Credentials, region and endpoint come from where AWS's own tools look: AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL, ~/.aws …
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from her2ladder.errors import InputError, StageError

CONNECT_SECONDS, READ_SECONDS, TRIES = 10, 60, 3
_GONE = {"404", "NoSuchKey"}
_LOST = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}
_MEANS = {
    "InvalidAccessKeyId": "the access key is not known there: check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key does not fit: check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "these credentials may not do that",
    "403": "the credentials are wrong, or may not do that: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "the credentials have expired",
    "NoSuchBucket": "there is no such bucket",
    "QuotaExceeded": "the bucket is full",
    "XMinioStorageFull": "the bucket is full",
    "InsufficientStorage": "the bucket is full",
    "507": "the bucket is full",
    "SlowDown": "the server asks for fewer requests: try again later",
    "503": "the server is not available: try again later",
}


@dataclass(frozen=True)
class Object:
    """An object's bytes, and the tag that a conditional put names."""

    content: bytes
    tag: str


class Bucket:
    """A prefix of a bucket. Names are relative to it.

    Every method raises StageError, one line, where the server refuses, is full, or does not answer; nothing is half written.
    """

    def __init__(self, session: Any, client: Any, bucket: str, prefix: str) -> None:
        self._session, self._client, self.bucket, self.prefix = session, client, bucket, prefix

    @classmethod
    def of(cls, url: str) -> Bucket:
        """Return the bucket and prefix of s3://BUCKET/PREFIX.

        raises   InputError where it is none, or boto3 is not installed
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise InputError(f"{url}: wanted s3://BUCKET/PREFIX")
        try:
            import boto3
            import botocore.session
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError:
            raise InputError(f"{url}: s3:// needs boto3: pip install 'her2ladder[s3]'") from None
        told = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"max_attempts": TRIES, "mode": "standard"})
        try:
            core = botocore.session.get_session()
            core.register_component("data_loader", _descriptions())
            session = boto3.session.Session(botocore_session=core)
            client = session.client("s3", config=told)
        except (BotoCoreError, ValueError) as error:
            raise InputError(f"{url}: S3 is not set up: {error}") from error
        return cls(session, client, parts.netloc, parts.path.strip("/"))

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return str(self._client.meta.endpoint_url)

    def within(self, name: str) -> Bucket:
        """Return a folder of this one."""
        return Bucket(self._session, self._client, self.bucket, self._key(name))

    def uri(self, name: str = "") -> str:
        """Return the object's URL."""
        return f"s3://{self.bucket}/{self._key(name)}"

    def get(self, name: str) -> Object | None:
        """Return an object; None where there is none."""
        with self._told(name):
            try:
                found = self._client.get_object(Bucket=self.bucket, Key=self._key(name))
                return Object(found["Body"].read(), found["ETag"])
            except self._client.exceptions.NoSuchKey:
                return None

    def tag(self, name: str) -> str | None:
        """Return an object's tag; None where there is none."""
        from botocore.exceptions import ClientError

        with self._told(name):
            try:
                return str(self._client.head_object(Bucket=self.bucket, Key=self._key(name))["ETag"])
            except ClientError as error:
                if _code(error) in _GONE:
                    return None
                raise

    def has(self, name: str) -> bool:
        """Return whether there is such an object."""
        return self.tag(name) is not None

    def put(self, name: str, content: bytes) -> str:
        """Write an object; return its tag."""
        with self._told(name):
            return str(self._client.put_object(Bucket=self.bucket, Key=self._key(name), Body=content, **_check(content))["ETag"])

    def put_if(self, name: str, content: bytes, tag: str | None) -> str | None:
        """Write an object if it still has this tag (None: if there is none); return its new tag, or None where it had another."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with self._told(name):
            try:
                done = self._client.put_object(Bucket=self.bucket, Key=self._key(name), Body=content, **condition, **_check(content))
                return str(done["ETag"])
            except ClientError as error:
                if _code(error) in _LOST or (tag is not None and _code(error) in _GONE):
                    return None
                raise

    def upload(self, name: str, source: Path) -> None:
        """Copy a file there; large ones go in parts that appear together."""
        with self._told(name):
            self._client.upload_file(str(source), self.bucket, self._key(name))

    def download(self, name: str, target: Path) -> None:
        """Copy an object here."""
        with self._told(name):
            self._client.download_file(self.bucket, self._key(name), str(target))

    def remove(self, name: str) -> None:
        """Take an object away, where it is."""
        with self._told(name):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(name))

    def names(self, folder: str = "") -> list[str]:
        """Return the names of the objects below a folder, relative to it."""
        start = f"{self._key(folder)}/".lstrip("/")
        with self._told(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start)
            return sorted(found["Key"].removeprefix(start) for page in pages for found in page.get("Contents", ()))

    def io_properties(self) -> dict[str, str]:
        """Return the same credentials, region and endpoint in pyiceberg's words."""
        with self._told(""):
            credentials = self._session.get_credentials()
            keys = None if credentials is None else credentials.get_frozen_credentials()
        told = {"s3.endpoint": self._client.meta.endpoint_url, "s3.region": self._client.meta.region_name}
        if keys is not None:
            told |= {"s3.access-key-id": keys.access_key, "s3.secret-access-key": keys.secret_key, "s3.session-token": keys.token}
        return {name: value for name, value in told.items() if value}

    def _key(self, name: str) -> str:
        return "/".join(part for part in (self.prefix, name) if part)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = _code(error)
            raise StageError(f"{self.uri(name)}: {_MEANS.get(code, error.response['Error'].get('Message') or code)} ({code})") from error
        except (BotoCoreError, Boto3Error, OSError) as error:
            raise StageError(f"{self.uri(name)}: {_short(error)}") from error


@cache
def _descriptions() -> Any:
    """What botocore knows of S3: megabytes of JSON, parsed once a process."""
    from botocore.loaders import create_loader

    return create_loader()


def _check(content: bytes) -> dict[str, str]:
    """The server refuses bytes that were damaged on the way."""
    return {"ContentMD5": base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _short(error: BaseException) -> str:
    """One line; upload_file wraps what the server said in its own exception."""
    text = " ".join(str(error).split())
    for code, means in _MEANS.items():
        if f"({code})" in text:
            return f"{means} ({code})"
    return text[:300]
