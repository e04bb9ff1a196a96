"""What a server is told at its start."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from her2ladder.errors import InputError

LEAST_TOKEN = 16  # characters: a shorter token can be guessed
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """The store, who may ask, and how much.

    tokens           name -> bearer token; empty = nobody has to show one
    hosts            names that a request may call the server by; empty = any (with tokens only)
    timeout_seconds  of one question
    most_rows        of one answer
    parallel         questions in SQL at the same time; more wait, and past `waiting` they are refused
    audit            file of a line per request; None = none
    """

    store: Path
    tokens: dict[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = LOOPBACK
    timeout_seconds: float = 30.0
    most_rows: int = 100_000
    memory_bytes: int = 2 << 30
    parallel: int = 2
    waiting: int = 64
    audit: Path | None = None

    def who(self, authorization: str) -> str | None:
        """Return the name of the token in an Authorization header, None where it is none of ours. Takes the same time for every token."""
        kind, _, shown = authorization.partition(" ")
        found = None
        for name, token in self.tokens.items():
            if hmac.compare_digest(shown.strip().encode(), token.encode()) and kind.lower() == "bearer":
                found = name
        return found


def read_tokens(path: Path) -> dict[str, str]:
    """Return name -> token of a file of lines `name token`; blank lines and those that begin with # are left out.

    raises   InputError: not there, a line of another kind, a short token, a name or token twice, none at all
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file {path}: wanted lines `name token`, found {getattr(error, 'strerror', None) or error}") from error
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.lstrip().startswith("#"):
            continue
        name, token = (f"line {number}", words[0]) if len(words) == 1 else (words[0], words[-1])
        if len(words) > 2:
            raise InputError(f"--token-file {path}, line {number}: wanted `name token`, found {len(words)} words")
        if len(token) < LEAST_TOKEN:
            raise InputError(f"--token-file {path}, line {number}: wanted a token of at least {LEAST_TOKEN} characters, found {len(token)}")
        if name in tokens or token in tokens.values():
            raise InputError(f"--token-file {path}, line {number}: wanted each name and token once")
        tokens[name] = token
    if not tokens:
        raise InputError(f"--token-file {path}: wanted at least one line `name token`, found none")
    return tokens
