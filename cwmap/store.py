"""The only door to disk: one workspace is one folder with a GeoPackage that QGIS opens as it stands.

Everything goes through SQLAlchemy, so that PostGIS can take SQLite's place later; only
`cwmap.storage.geopackage` knows how a GeoPackage looks inside. A change is one transaction: a killed
process leaves the state before it or after it, never between.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from cwmap.errors import WorkspaceError
from cwmap.storage import geopackage
from cwmap.storage.change import Change, Derived
from cwmap.storage.rows import (
    Merged,
    column,
    compare,
    read_columns,
    read_removed,
    read_table,
    revision_of,
)
from cwmap.storage.settings import Settings, checked, settings_of
from cwmap.tables import TABLES

__all__ = [
    "FILE", "Change", "Derived", "Merged", "Settings", "Workspace", "column", "read_columns",
    "read_table", "revision_of",
]  # fmt: skip

FILE = "town.gpkg"
VERSION = 3
BUSY_S = 30.0
_CACHE_KIB = 65_536  # of the pages of a big import, so that its indexes stay in memory
_WAL_BYTES = 64 * 1024**2  # what is left of the log after a big import


class Workspace:
    """An open workspace. Safe to share between threads; every read sees one consistent state."""

    def __init__(self, folder: Path, engine: sa.Engine) -> None:
        self.folder = folder
        self.engine = engine

    @classmethod
    def create(cls, folder: Path, settings: Settings) -> Workspace:
        """A new, empty workspace in `folder`; `WorkspaceError` if there is one or a setting is unfit."""
        settings = checked(settings)
        if (folder / FILE).exists():
            raise WorkspaceError(
                f"“{folder}”里已有工作区；请换一个文件夹，或先备份并移走原有的 {FILE}。"
            )
        fresh = folder / f"{FILE}.new"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            engine = _engine(fresh, BUSY_S)
            with _explained(folder), _begin(engine, write=True) as connection:
                geopackage.METADATA.create_all(connection)
                geopackage.register(connection)
                rows = [{"key": k, "value": json.dumps(v)} for k, v in asdict(settings).items()]
                rows.append({"key": "version", "value": json.dumps(VERSION)})
                connection.execute(sa.insert(geopackage.SETTINGS), rows)
            geopackage.seal(engine)
            engine.dispose()
            fresh.replace(folder / FILE)  # a killed `init` leaves no half-made workspace
        except OSError as error:
            raise WorkspaceError(
                f"无法在“{folder}”建立工作区；请检查文件夹的写权限和磁盘空间。"
            ) from error
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, busy_s: float = BUSY_S) -> Workspace:
        """The workspace in `folder`; `WorkspaceError` if there is none or it is damaged.

        `busy_s`: how long a change waits for another one.
        """
        path = folder / FILE
        if not path.is_file():
            raise WorkspaceError(
                f"“{folder}”里没有工作区；请先运行 cwmap init 或 cwmap demo，或用 -w 指定文件夹。"
            )
        with path.open("rb") as file:  # SQLite would make a database of an empty file
            if file.read(16) != b"SQLite format 3\0":
                raise WorkspaceError(_SENTENCES["NOTADB"].format(folder=folder))
        workspace = cls(folder, _engine(path, busy_s))
        try:
            with workspace.reading() as connection:
                version = _version(connection)
        except (sa.exc.OperationalError, sa.exc.NoResultFound) as error:  # no such table or row
            raise WorkspaceError(_SENTENCES["NOTADB"].format(folder=folder)) from error
        if version > VERSION:
            raise WorkspaceError("这个工作区由更新版本的软件建立；请升级本软件后再打开。")
        if version < VERSION:
            with workspace.changing() as change:
                if _version(change.connection) < VERSION:  # another process may have been first
                    geopackage.upgrade(change.connection)
                    change.set(version=VERSION)
        return workspace

    def close(self) -> None:
        """Let go of the file; only what copies or moves it needs to."""
        self.engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state for as long as it is open."""
        with _explained(self.folder), _begin(self.engine, write=False) as connection:
            yield connection

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """One change: all of it or nothing. A second writer waits, then is told who is busy."""
        with _explained(self.folder), _begin(self.engine, write=True) as connection:
            yield Change(connection)

    def settings(self) -> Settings:
        """The office's settings."""
        with self.reading() as connection:
            return settings_of(connection)

    def revision(self) -> int:
        """Number of the last change; 0 for an empty workspace."""
        with self.reading() as connection:
            return revision_of(connection)

    def revisions(self, last: int = 20) -> pd.DataFrame:
        """The last changes, newest first: revision, at, action, table, file and row numbers."""
        query = sa.select(geopackage.REVISIONS).order_by(geopackage.REVISIONS.c.revision.desc())
        with self.reading() as connection:
            return pd.read_sql(query.limit(last), connection)

    def counts(self) -> dict[str, int]:
        """Rows in each table."""
        with self.reading() as connection:
            return counts_of(connection)

    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: sa.ColumnElement[bool] | None = None,
        *,
        newest: int | None = None,
    ) -> pd.DataFrame:
        """Rows of a table, ordered by its key; see `read_table`."""
        with self.reading() as connection:
            return read_table(connection, TABLES[name], columns, where, newest=newest)

    def compare(self, name: str, rows: pd.DataFrame, defaulted: Sequence[str] = ()) -> Merged:
        """What `Change.merge` would do, without doing it."""
        with self.reading() as connection:
            parts = compare(connection, TABLES[name], rows, defaulted)
            return sum((part.merged for part in parts), Merged(0, 0, 0))

    def removed(self, name: str) -> pd.DataFrame:
        """Rows that replacements took out of a table; see `read_removed`."""
        with self.reading() as connection:
            return read_removed(connection, TABLES[name])

    def removals(self, name: str) -> int:
        """How many rows replacements have taken out of a table."""
        gone = geopackage.REMOVED
        with self.reading() as connection:
            query = sa.select(sa.func.count()).select_from(gone).where(gone.c.table == name)
            return int(connection.execute(query).scalar_one())

    def history(self, report_id: str) -> pd.DataFrame:
        """Every change of one report: revision, at, column, old, new (text or None); oldest first."""
        h, r = geopackage.HISTORY, geopackage.REVISIONS
        query = (
            sa.select(h.c.revision, r.c.at, h.c.column, h.c.old, h.c.new)
            .join(r, r.c.revision == h.c.revision)
            .where(h.c.report_id == report_id)
            .order_by(h.c.revision, h.c.column)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return pd.DataFrame(rows, columns=["revision", "at", "column", "old", "new"], dtype=object)


def _version(connection: sa.Connection) -> int:
    query = sa.select(geopackage.SETTINGS.c.value).where(geopackage.SETTINGS.c.key == "version")
    return int(json.loads(connection.execute(query).scalar_one()))


def counts_of(connection: sa.Connection) -> dict[str, int]:
    """Rows in each table as this connection sees them."""
    count = sa.func.count()
    return {
        name: connection.execute(sa.select(count).select_from(geopackage.TABLE[name])).scalar_one()
        for name in TABLES
    }


def _engine(path: Path, busy_s: float) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": busy_s}
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN, below, decides
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size={-_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")

    @sa.event.listens_for(engine, "begin")
    def _start(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.contextmanager
def _begin(engine: sa.Engine, *, write: bool) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=write) as connection:
        yield connection
        if write:  # left by an exception: closing rolls back
            connection.commit()


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What SQLite finds wrong, as a sentence for the office."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        cause = error.orig if isinstance(error, sa.exc.DatabaseError) else error
        name = getattr(cause, "sqlite_errorname", "")
        for part, sentence in _SENTENCES.items():
            if part in name:
                raise WorkspaceError(sentence.format(folder=folder)) from error
        raise


_SENTENCES = {
    "BUSY": "另一个导入正在写入这个工作区；请等它完成后再试。",
    "LOCKED": "另一个导入正在写入这个工作区；请等它完成后再试。",
    "FULL": "磁盘已满，本次改动没有写入；请腾出空间后再试。",
    "READONLY": "“{folder}”是只读的，工作区打不开或改动没有写入；请检查文件夹的写权限，或把它复制到可写的磁盘。",
    "CANTOPEN": "“{folder}”里的工作区打不开；请检查文件夹的读写权限。",
    "IOERR": "读写“{folder}”时磁盘出错，本次改动没有写入；请检查磁盘或网络位置后再试。",
    "CORRUPT": "“{folder}”里的工作区已损坏；请用 cwmap restore 把最近的备份恢复到一个新文件夹。",
    "NOTADB": "“{folder}”里的 town.gpkg 已损坏或不是本软件的工作区；请用 cwmap restore 恢复最近的备份。",
}
