"""A workspace as one file, checked when it is put back."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from cwmap import __version__
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Workspace

MANIFEST = "cwmap.json"
PHOTOS = "photos"


def backup(workspace: Workspace, target: Path) -> dict[str, object]:
    """Write the workspace to one zip file: a consistent copy of the store and the photos.

    The target is replaced only when the copy is complete. Viewers and imports go on meanwhile.
    """
    if not target.parent.is_dir():
        raise WorkspaceError(f"文件夹“{target.parent}”不存在；请先建立，或换一个位置。")
    part = target.with_name(target.name + ".part")
    with tempfile.TemporaryDirectory(dir=workspace.folder) as scratch:
        copy = Path(scratch) / FILE
        with (
            closing(sqlite3.connect(workspace.folder / FILE)) as live,
            closing(sqlite3.connect(copy)) as still,
        ):
            live.backup(still)
        members = {FILE: copy}
        members |= {f"{PHOTOS}/{p.name}": p for p in sorted((workspace.folder / PHOTOS).glob("*"))}
        manifest = {
            "version": __version__,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": Workspace.open(copy.parent).revision(),
            "sha256": {name: _digest(path) for name, path in members.items()},
        }
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
                for name, path in members.items():
                    archive.write(path, name)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise WorkspaceError(f"备份没有写成：“{target}”无法写入或磁盘已满。") from error
    return {"file": str(target), "revision": manifest["revision"], "bytes": target.stat().st_size}


def restore(source: Path, folder: Path) -> dict[str, object]:
    """Put a backup into an empty place. Nothing is changed unless every byte is as it was saved."""
    if (folder / FILE).exists():
        raise WorkspaceError(f"“{folder}”里已有工作区，为防覆盖没有恢复；请换一个文件夹，或先移走它。")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".restore-", dir=folder.parent))
    except OSError as error:
        raise WorkspaceError(f"无法写入“{folder.parent}”；请检查权限和磁盘空间。") from error
    try:
        revision = _unpack(source, scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for path in scratch.iterdir():
            if path.name != FILE:
                shutil.move(path, folder / path.name)
        os.replace(scratch / FILE, folder / FILE)  # last: with it the workspace exists
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {"workspace": str(folder), "revision": revision}


def _unpack(source: Path, scratch: Path) -> int:
    damaged = WorkspaceError(f"“{source}”不是完整的备份文件（内容缺失或被改动），没有恢复；请换一份备份。")
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            for name, digest in manifest["sha256"].items():
                parts = PurePosixPath(name).parts
                if name != FILE and (len(parts) != 2 or parts[0] != PHOTOS or ".." in parts):
                    raise damaged
                path = scratch.joinpath(*parts)
                path.parent.mkdir(exist_ok=True)
                with archive.open(name) as packed, path.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
                if _digest(path) != digest:
                    raise damaged
        with closing(sqlite3.connect(scratch / FILE)) as store:
            if store.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise damaged
    except FileNotFoundError as error:
        raise WorkspaceError(f"没有找到备份文件“{source}”；请检查路径。") from error
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, sqlite3.DatabaseError) as error:
        raise damaged from error
    return int(manifest["revision"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
