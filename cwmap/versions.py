"""Small text files of a workspace that people change (rules, agendas): written whole, none lost.

Errors of the disk are left to the caller, who knows what the file is called.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Put a text in a file's place, all of it or nothing; what stood there goes to the history."""
    fresh = path.with_name(f".{path.name}.new")
    path.parent.mkdir(exist_ok=True)
    keep(path)
    with fresh.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


def keep(path: Path) -> None:
    """Copy a file into the folder `history` beside it, if there is one."""
    if not path.exists():
        return
    folder = path.parent / "history"
    folder.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    (folder / f"{path.stem}-{stamp}{path.suffix}").write_bytes(path.read_bytes())


def earlier(path: Path) -> list[Path]:
    """Earlier versions of a file, newest first."""
    found = (path.parent / "history").glob(f"*{path.suffix}")
    return sorted((p for p in found if p.stem.rpartition("-")[0] == path.stem), reverse=True)
