"""Signed in browsers (登录): a page loaded anew, or opened in a new tab, knows who looks.

A browser keeps a random token in a cookie that no script can read. The file beside the store holds
only the token's hash, the seal of the account and when it was last used; what the account may do is
asked of `cwmap.access` each time. Not part of a backup: whoever restores one signs in again.

Streamlit cannot set cookies. So a page that signs somebody in or out hands the browser a ticket,
good once and for a moment, which its script takes to our route for what the cookie is to hold.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cwmap import access
from cwmap.access import Account
from cwmap.errors import WorkspaceError
from cwmap.store import Workspace

FILE = "signed-in.json"
IDLE_S = 12 * 3600.0
"""Whoever has asked for nothing for so long signs in again."""
TICKET_S = 60.0
_NOTED_S = 600.0  # how often a use is noted: looking must not mean writing all the time

_FILE_LOCK = threading.Lock()
_TICKETS: dict[str, tuple[str, float]] = {}  # → token ("": none) and end; of this process
_TICKETS_LOCK = threading.Lock()


@dataclass(frozen=True)
class _Entry:
    """A signed in browser: `seal` of the account at that time, `used` in seconds since 1970."""

    seal: str
    used: float


def cookie(workspace: Workspace) -> str:
    """The cookie's name: of one workspace, as browsers do not tell two ports of a host apart."""
    return f"cwmap-{_hash(str(workspace.folder.resolve()))[:12]}"


def key(token: str) -> str:
    """Under which a token is known here; nobody can get from it to the token."""
    return _hash(token)


def begin(workspace: Workspace, account: Account) -> tuple[str, str]:
    """Sign an account in: the key of its new token, and the ticket by which a browser gets it."""
    token = secrets.token_urlsafe(32)
    with _changing(workspace) as entries:
        entries[key(token)] = _Entry(account.seal, time.time())
    return key(token), _ticket(token)


def end(workspace: Workspace, *keys: str) -> None:
    """Sign out what is known by these keys."""
    with _changing(workspace) as entries:
        for each in keys:
            entries.pop(each, None)


def forgetting() -> str:
    """The ticket by which a browser drops its cookie."""
    return _ticket("")


def waits(ticket: str) -> bool:
    """Whether a ticket is still to be taken to the route."""
    with _TICKETS_LOCK:
        return _TICKETS.get(ticket, ("", 0.0))[1] > time.time()


def redeem(ticket: str) -> str | None:
    """The token that a browser shall hold from now, empty for none; None if the ticket is not good."""
    with _TICKETS_LOCK:
        token, until = _TICKETS.pop(ticket, ("", 0.0))
    return token if until > time.time() else None


def account(workspace: Workspace, key: str) -> Account | None:
    """Who is signed in by a key: None after too long, or once the account is another or gone."""
    with _FILE_LOCK:  # Windows does not replace a file that is being read
        entry, now = _read(workspace.folder).get(key), time.time()
    if entry is None or not _alive(entry, now):
        return None
    known = next((a for a in access.accounts(workspace) if a.seal == entry.seal), None)
    if known and now - entry.used > _NOTED_S:
        # A full disk hinders nobody from looking.
        with suppress(WorkspaceError), _changing(workspace) as entries:
            if key in entries:  # not signed out meanwhile
                entries[key] = _Entry(entry.seal, now)
    return known


def _ticket(token: str) -> str:
    ticket, now = secrets.token_urlsafe(32), time.time()
    with _TICKETS_LOCK:
        for old in [t for t, (_, until) in _TICKETS.items() if until <= now]:
            del _TICKETS[old]
        _TICKETS[ticket] = token, now + TICKET_S
    return ticket


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _alive(entry: _Entry, now: float) -> bool:
    return abs(now - entry.used) <= IDLE_S  # a clock put back ends it too


def _read(folder: Path) -> dict[str, _Entry]:
    """What is kept; nothing if the file is missing or not ours: all sign in again."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {key: _Entry(**entry) for key, entry in kept.items()}
    return {}


@contextmanager
def _changing(workspace: Workspace) -> Iterator[dict[str, _Entry]]:
    """The signed in by key, written when the block is done, without those whose time is over."""
    with _FILE_LOCK:
        entries, now = _read(workspace.folder), time.time()
        yield entries
        kept = {k: asdict(entry) for k, entry in entries.items() if _alive(entry, now)}
        path = workspace.folder / FILE
        fresh = path.with_name(f".{FILE}.new")
        try:
            fresh.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            raise WorkspaceError(
                f"无法写入“{workspace.folder}”，登录或退出没有完成；请检查写权限和磁盘空间。"
            ) from error
