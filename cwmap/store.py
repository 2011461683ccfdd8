"""The only door to disk: one workspace is one folder with a GeoPackage that QGIS opens as it stands.

Everything goes through SQLAlchemy, so that PostGIS can take SQLite's place later; only
`cwmap.geopackage` knows how a GeoPackage looks inside. A change is one transaction: a killed
process leaves the state before it or after it, never between.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from pyproj import CRS
from pyproj.exceptions import CRSError

from cwmap import geopackage
from cwmap.errors import WorkspaceError
from cwmap.tables import TABLES, Table

FILE = "town.gpkg"
VERSION = 1
BUSY_S = 30
CHUNK = 50_000


@dataclass(frozen=True)
class Settings:
    """What an office decides once for its workspace."""

    name: str = "未命名城镇"
    crs: str = "EPSG:4544"
    timezone: str = "Asia/Shanghai"
    nearest_m: float = 30.0
    synthetic: bool = False


@dataclass(frozen=True)
class Merged:
    """What one merge did to one table: numbers of rows."""

    added: int
    updated: int
    unchanged: int


class Workspace:
    """An open workspace. Safe to share between threads; every read sees one consistent state."""

    def __init__(self, folder: Path, engine: sa.Engine) -> None:
        self.folder = folder
        self.engine = engine

    @classmethod
    def create(cls, folder: Path, settings: Settings) -> Workspace:
        """A new, empty workspace in `folder`; `WorkspaceError` if there is one or the CRS is unfit."""
        _check_crs(settings.crs)
        if (folder / FILE).exists():
            raise WorkspaceError(f"“{folder}”里已有工作区；请换一个文件夹，或先备份并移走原有的 {FILE}。")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fresh = folder / f"{FILE}.new"
            fresh.unlink(missing_ok=True)
            engine = _engine(fresh)
            with _begin(engine, write=True) as connection:
                geopackage.METADATA.create_all(connection)
                geopackage.register(connection)
                rows = [{"key": k, "value": json.dumps(v)} for k, v in asdict(settings).items()]
                rows.append({"key": "version", "value": json.dumps(VERSION)})
                connection.execute(sa.insert(geopackage.SETTINGS), rows)
            geopackage.seal(engine)
            engine.dispose()
            fresh.replace(folder / FILE)  # a killed `init` leaves no half-made workspace
        except OSError as error:
            raise WorkspaceError(f"无法在“{folder}”建立工作区：请检查文件夹是否可写、磁盘是否已满。") from error
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Workspace:
        """The workspace in `folder`; `WorkspaceError` if there is none or it is damaged."""
        path = folder / FILE
        if not path.is_file():
            raise WorkspaceError(f"“{folder}”里没有工作区；请先运行 cwmap init 或 cwmap demo，或用 -w 指定文件夹。")
        workspace = cls(folder, _engine(path))
        try:
            with workspace.reading() as connection:
                version = connection.execute(
                    sa.select(geopackage.SETTINGS.c.value).where(geopackage.SETTINGS.c.key == "version")
                ).scalar_one()
        except (sa.exc.DatabaseError, sa.exc.NoResultFound) as error:
            raise WorkspaceError(f"“{path}”已损坏或不是本软件的工作区；请用 cwmap restore 恢复最近的备份。") from error
        if json.loads(version) > VERSION:
            raise WorkspaceError("这个工作区由更新版本的软件建立；请升级本软件后再打开。")
        return workspace

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one consistent state for as long as it is open."""
        with _begin(self.engine, write=False) as connection:
            yield connection

    @contextlib.contextmanager
    def changing(self, *, rehearse: bool = False) -> Iterator[Change]:
        """One change: all of it or nothing. A second writer waits, then is told who is busy.

        `rehearse`: nothing is kept; to see what a change would do.
        """
        try:
            with _begin(self.engine, write=True, keep=not rehearse) as connection:
                yield Change(connection)
        except sa.exc.OperationalError as error:
            text = str(error.orig)
            if "locked" in text or "busy" in text:
                raise WorkspaceError("另一个导入正在写入这个工作区；请等它完成后再试。") from error
            if "full" in text:
                raise WorkspaceError("磁盘已满，本次改动没有写入；请腾出空间后再试。") from error
            if "readonly" in text:
                raise WorkspaceError("工作区是只读的，本次改动没有写入；请检查文件夹的写权限。") from error
            raise

    def settings(self) -> Settings:
        """The office's settings."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(geopackage.SETTINGS.c["key", "value"])).all()
        known = Settings.__dataclass_fields__
        return Settings(**{k: json.loads(v) for k, v in rows if k in known})

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
            return {
                name: connection.execute(
                    sa.select(sa.func.count()).select_from(geopackage.TABLE[name])
                ).scalar_one()
                for name in TABLES
            }

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

    def history(self, report_id: str) -> pd.DataFrame:
        """Every change of one report: revision, at, column, old, new; oldest first."""
        h, r = geopackage.HISTORY, geopackage.REVISIONS
        query = (
            sa.select(h.c.revision, r.c.at, h.c.column, h.c.old, h.c.new)
            .join(r, r.c.revision == h.c.revision)
            .where(h.c.report_id == report_id)
            .order_by(h.c.revision, h.c.column)
        )
        with self.reading() as connection:
            return pd.read_sql(query, connection)


class Change:
    """A transaction under way. Only `Workspace.changing` makes one."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.revision = revision_of(connection) + 1

    def read(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows as this change sees them."""
        return read_table(self.connection, TABLES[name], columns)

    def merge(self, name: str, rows: pd.DataFrame, defaulted: Sequence[str] = ()) -> Merged:
        """Add new rows and update those whose key exists; columns not in `rows` stay as they are.

        `rows`: columns by name, plus `geometry` (shapely, EPSG:4326) if places are given; unique
        keys. `defaulted`: columns that only new rows take. What changed in a report is kept in its
        history.
        """
        table = TABLES[name]
        given = [c.name for c in table.stored if c.name in rows and c.name != table.key]
        if "geometry" in rows and table.shape:
            given.append("geometry")
        incoming = geopackage.encode(rows[[table.key, *given]], table)
        old = self._stored(table, [table.key, *given])
        known = incoming[table.key].isin(old.index)
        fresh = incoming[~known]
        self._insert(table, fresh)
        given = [c for c in given if c not in defaulted]
        again = incoming.loc[known, [table.key, *given]]
        before = old.loc[again[table.key]]
        changed = {c: _differs(before[c], again[c]) for c in given}
        touched = np.logical_or.reduce([*changed.values(), np.zeros(len(again), bool)])
        if name == "reports":
            self._remember(before, again, changed)
        self._update(table, again[touched], given)
        return Merged(len(fresh), int(touched.sum()), int(len(again) - touched.sum()))

    def place(self, placed: pd.DataFrame) -> None:
        """Write where reports belong: index report_id, columns as computed in `cwmap.placing`."""
        table = TABLES["reports"]
        frame = placed.reset_index(names=table.key)
        self._update(table, geopackage.encode(frame, table), list(placed.columns))

    def set(self, **values: Any) -> None:
        """Change settings."""
        for key, value in values.items():
            statement = sa.update(geopackage.SETTINGS).where(geopackage.SETTINGS.c.key == key)
            self.connection.execute(statement.values(value=json.dumps(value)))

    def finish(self, action: str, name: str, file: str, merged: Merged, rejected: int) -> int:
        """Close the change under a new revision number, which is returned."""
        geopackage.touch(self.connection, name)
        self.connection.execute(
            sa.insert(geopackage.REVISIONS).values(
                revision=self.revision, at=datetime.now(UTC).strftime(geopackage.TIME),
                action=action, table=name, file=file, rejected=rejected, **asdict(merged),
            )
        )  # fmt: skip
        return self.revision

    def _stored(self, table: Table, columns: list[str]) -> pd.DataFrame:
        target = geopackage.TABLE[table.name]
        result = self.connection.execute(sa.select(*(target.c[c] for c in columns)))
        frame = pd.DataFrame.from_records(result.fetchall(), columns=columns)
        return frame.astype(object).set_index(table.key)

    def _insert(self, table: Table, rows: pd.DataFrame) -> None:
        statement = sa.insert(geopackage.TABLE[table.name])
        self._many(statement, list(rows.columns), rows)

    def _update(self, table: Table, rows: pd.DataFrame, columns: list[str]) -> None:
        target = geopackage.TABLE[table.name]
        statement = (
            sa.update(target)
            .where(target.c[table.key] == sa.bindparam(f"_{table.key}"))
            .values({c: sa.bindparam(c) for c in columns})
        )
        renamed = rows[[*columns, table.key]].rename(columns={table.key: f"_{table.key}"})
        self._many(statement, list(renamed.columns), renamed)

    def _many(self, statement: sa.Insert | sa.Update, names: list[str], rows: pd.DataFrame) -> None:
        # The compiled statement with plain tuples: five times faster than a dict a row.
        if rows.empty:
            return
        compiled = statement.compile(dialect=self.connection.dialect, column_keys=names)
        order = [str(n) for n in compiled.positiontup or names]
        columns = [rows[n].to_numpy(object) for n in order]
        for start in range(0, len(rows), CHUNK):
            chunk = list(zip(*(c[start : start + CHUNK] for c in columns), strict=True))
            self.connection.exec_driver_sql(str(compiled), chunk)

    def _remember(
        self, before: pd.DataFrame, after: pd.DataFrame, changed: dict[str, np.ndarray]
    ) -> None:
        parts = []
        for column, mask in changed.items():
            if not mask.any():
                continue
            old, new = before[column].to_numpy(object)[mask], after[column].to_numpy(object)[mask]
            if column == "geometry":
                old, new = geopackage.wkt(old), geopackage.wkt(new)
            parts.append(
                pd.DataFrame(
                    {
                        "report_id": after["report_id"].to_numpy(object)[mask],
                        "revision": self.revision, "column": column,
                        "old": [None if v is None else str(v) for v in old],
                        "new": [None if v is None else str(v) for v in new],
                    }
                )
            )  # fmt: skip
        if parts:
            rows = pd.concat(parts).astype(object)
            self._many(sa.insert(geopackage.HISTORY), list(rows.columns), rows)


def revision_of(connection: sa.Connection) -> int:
    """Number of the last change that this connection sees."""
    newest = sa.select(sa.func.coalesce(sa.func.max(geopackage.REVISIONS.c.revision), 0))
    return int(connection.execute(newest).scalar_one())


def read_table(
    connection: sa.Connection,
    table: Table,
    columns: Sequence[str] | None = None,
    where: sa.ColumnElement[bool] | None = None,
    *,
    newest: int | None = None,
) -> pd.DataFrame:
    """Rows ordered by key. `geometry` is an object column of shapely geometries in EPSG:4326.

    `newest` (reports only): that many, the latest reported first.
    """
    target = geopackage.TABLE[table.name]
    if columns is None:
        columns = [c.name for c in table.stored] + (["geometry"] if table.shape else [])
    query = sa.select(*(target.c[c] for c in columns))
    if where is not None:
        query = query.where(where)
    if newest is None:
        query = query.order_by(target.c[table.key])
    else:
        query = query.order_by(target.c.reported_at.desc(), target.c[table.key]).limit(newest)
    rows = connection.execute(query).fetchall()
    frame = pd.DataFrame.from_records(rows, columns=list(columns))
    return geopackage.decode(frame, table)


def column(name: str, of: str) -> sa.ColumnElement[Any]:
    """A stored column, to build a `where`."""
    return geopackage.TABLE[of].c[name]


def _differs(old: pd.Series, new: pd.Series) -> np.ndarray:
    a, b = old.to_numpy(object), new.to_numpy(object)
    return np.fromiter((x != y for x, y in zip(a, b, strict=True)), bool, len(a))


def _check_crs(crs: str) -> None:
    try:
        parsed = CRS.from_user_input(crs)
    except CRSError as error:
        raise WorkspaceError(f"不认识坐标系“{crs}”；请用 EPSG 编号，如 EPSG:4544。") from error
    units = {axis.unit_name for axis in parsed.axis_info}
    if parsed.is_geographic or units != {"metre"}:
        raise WorkspaceError(f"“{crs}”不是以米为单位的投影坐标系；请用如 EPSG:4544 的投影坐标系。")


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN, below, decides
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def _start(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextlib.contextmanager
def _begin(engine: sa.Engine, *, write: bool, keep: bool = True) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=write) as connection:
        yield connection
        if write and keep:  # left by an exception: closing rolls back
            connection.commit()
