"""Ids of patients that are names: a keyed hash goes into the store, the key and who is who stay in a file beside the table, outside of the store.

source   chosen: HMAC-SHA256 with 256 random bits, its first 64 bits shown; without the key nobody can try names until one fits (decision 0029)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tomllib
from collections.abc import Sequence
from pathlib import Path

from her2ladder.errors import InputError

ENDING = ".pseudonyms.toml"


def key_file(table: Path) -> Path:
    """Return where the key of a table lies: beside it."""
    return table.with_name(table.name + ENDING)


def pseudonyms(ids: Sequence[str], table: Path, store_root: Path, *, write: bool = True) -> list[str]:
    """Return a pseudonym for each id: the same id always has the same one while the key file is there.

    write    write the key file, readable for its owner alone; False = compute alone (a dry run)
    raises   InputError where the key file would lie in the store, is none, or two ids would share a pseudonym
    """
    path = key_file(table)
    if path.resolve().is_relative_to(store_root.resolve()):
        raise InputError(f"{path}: the key would lie in the store, where it must not be: put the table elsewhere")
    key, known = _read(path) if path.exists() else (secrets.token_bytes(32), {})
    made = [f"P-{hmac.new(key, one.encode(), hashlib.sha256).hexdigest()[:16]}" for one in ids]
    if len(set(made)) != len(set(ids)):
        raise InputError(f"{path}: two ids have one pseudonym: delete the key file, and read the table again")
    if write:
        _write(path, key, known | dict(zip(ids, made, strict=True)))
    return made


def _read(path: Path) -> tuple[bytes, dict[str, str]]:
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        key, known = bytes.fromhex(told["key"]), dict(told["pseudonyms"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: wanted a key file of --pseudonymise, found none: {str(error)[:100]}") from error
    if len(key) != 32:
        raise InputError(f"{path}: wanted a key of 64 hexadecimal digits, found {len(key) * 2}")
    return key, known


def _write(path: Path, key: bytes, known: dict[str, str]) -> None:
    """Write it whole, so that a stop leaves the old or the new one."""
    lines = [
        "# Who is who. Keep it apart from the store, and secret: whoever has it can tell the patients.",
        f'key = "{key.hex()}"',
        "[pseudonyms]",
    ]
    lines += [f"{json.dumps(one, ensure_ascii=False)} = {json.dumps(other)}" for one, other in sorted(known.items())]
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
        out.flush()
        os.fsync(out.fileno())
    os.replace(draft, path)
