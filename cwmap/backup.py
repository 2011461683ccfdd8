"""A workspace as one file, checked when it is put back."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from uuid import uuid4

from cwmap import __version__
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Workspace

MANIFEST = "cwmap.json"
FOLDERS = ("photos", "rules", "agenda")
"""What lies beside the store and belongs to it; in their folders `history` earlier versions."""
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_UNFINISHED = ".cwmap-"  # a folder that a killed backup or restore may leave behind


def backup(workspace: Workspace, target: Path) -> dict[str, object]:
    """Write the workspace to one zip file: a consistent copy of the store, the photos, rules and agendas.

    The target is replaced only when the copy is complete. Viewers and imports go on meanwhile.
    """
    if not target.parent.is_dir():
        raise WorkspaceError(f"文件夹“{target.parent}”不存在；请先建立，或换一个位置。")
    try:
        with _scratch(target.parent) as scratch:
            copy = scratch / FILE
            with (
                closing(sqlite3.connect(workspace.folder / FILE)) as live,
                closing(sqlite3.connect(copy)) as still,
            ):
                live.backup(still)
            members = {FILE: copy}
            members |= _beside(workspace.folder)
            manifest = {
                "version": __version__,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "revision": _revision(scratch),
                "sha256": {name: _digest(path) for name, path in members.items()},
            }
            part = scratch / "backup.zip"
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
                for name, path in members.items():
                    archive.write(path, name)
            part.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise WorkspaceError(
            f"备份没有写成：“{target}”无法写入；请检查写权限和磁盘空间，或换一个位置。"
        ) from error
    return {"file": str(target), "revision": manifest["revision"], "bytes": target.stat().st_size}


def restore(source: Path, folder: Path) -> dict[str, object]:
    """Put a backup into an empty place. Nothing is changed unless every byte is as it was saved."""
    if (folder / FILE).exists():
        raise WorkspaceError(
            f"“{folder}”里已有工作区，为防覆盖没有恢复；请换一个文件夹，或先移走它。"
        )
    if not source.is_file():
        raise WorkspaceError(f"没有找到备份文件“{source}”；请检查路径。")
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(_UNFINISHED) for path in folder.iterdir()):
            raise WorkspaceError(f"“{folder}”不是空文件夹，没有恢复；请换一个文件夹。")
        with _scratch(folder) as scratch:
            revision = _unpack(source, scratch)
            # The store last: with it the workspace exists.
            for path in sorted(scratch.iterdir(), key=lambda path: path.name == FILE):
                path.replace(folder / path.name)
    except (OSError, WorkspaceError) as error:
        if new:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, WorkspaceError):
            raise
        raise WorkspaceError(f"无法写入“{folder}”，没有恢复；请检查权限和磁盘空间。") from error
    return {"workspace": str(folder), "revision": revision}


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder beside what is to be made, on the same disk; gone afterwards."""
    folder = parent / f"{_UNFINISHED}{uuid4().hex[:8]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: Path, scratch: Path) -> int:
    """Unpack into `scratch` what the manifest names, and nothing else; the revision."""
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if FILE not in manifest["sha256"]:
                raise ValueError("no store")
            for name, digest in manifest["sha256"].items():
                path = scratch.joinpath(*_parts(name))
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as packed, path.open("xb") as plain:
                    shutil.copyfileobj(packed, plain)
                if _digest(path) != digest:
                    raise ValueError(name)
        with closing(sqlite3.connect(scratch / FILE)) as store:
            if store.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise ValueError("store")
        if _revision(scratch) != manifest["revision"]:
            raise ValueError("revision")
        return int(manifest["revision"])
    except WorkspaceError:  # of a newer version
        raise
    except Exception as error:  # a damaged archive fails in many ways
        if isinstance(error, OSError) and error.errno in _DISK:
            raise
        raise WorkspaceError(
            f"“{source}”不是完整的备份文件（内容缺失或被改动），没有恢复；请换一份备份。"
        ) from error


def _beside(folder: Path) -> dict[str, Path]:
    """Name in the archive → file, of all that lies beside the store."""
    files = (path for name in FOLDERS for path in sorted((folder / name).rglob("*")))
    named = {path.relative_to(folder).as_posix(): path for path in files if path.is_file()}
    return {n: p for n, p in named.items() if n.count("/") == 1 or n.split("/")[1] == "history"}


def _parts(name: str) -> tuple[str, ...]:
    """Where a member goes; ValueError for a name that leads anywhere else, on any system."""
    parts = PurePosixPath(name).parts
    inside = len(parts) == 2 or (len(parts) == 3 and parts[1] == "history")
    ours = parts == (FILE,) or (inside and parts[0] in FOLDERS)
    if not ours or any(part in ("..", "") or part != PureWindowsPath(part).name for part in parts):
        raise ValueError(name)
    return parts


def _revision(folder: Path) -> int:
    workspace = Workspace.open(folder)
    try:
        return workspace.revision()
    finally:
        workspace.close()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
