"""A change of the store under way: rows merged, with what follows from them and their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from cwmap.storage import geopackage
from cwmap.storage.rows import (
    CHUNK,
    Comparison,
    Merged,
    column,
    compare,
    read_table,
    revision_of,
    stored,
)
from cwmap.storage.settings import settings_of
from cwmap.tables import TABLES, Table

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Derived:
    """Columns that follow from others: which they need, and how they are made from these."""

    needs: tuple[str, ...]
    make: Callable[[pd.DataFrame], pd.DataFrame]


class Change:
    """A transaction under way. Only `Workspace.changing` makes one."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.revision = revision_of(connection) + 1
        self.settings = settings_of(connection)

    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        where: sa.ColumnElement[bool] | None = None,
    ) -> pd.DataFrame:
        """Rows as this change sees them."""
        return read_table(self.connection, TABLES[name], columns, where)

    def merge(
        self,
        name: str,
        rows: pd.DataFrame,
        defaulted: Sequence[str] = (),
        *,
        derived: Derived | None = None,
        progress: Progress | None = None,
    ) -> Merged:
        """Add new rows and update those whose key exists; columns not in `rows` stay as they are.

        `rows`: columns by name, plus `geometry` (shapely, EPSG:4326) if places are given; unique
        keys. `defaulted`: columns that only new rows take. `derived`: made for every row that is
        added or updated. What changed in a report is kept in its history.
        """
        table, done = TABLES[name], Merged(0, 0, 0)
        for part in compare(self.connection, table, rows, defaulted):
            fresh = part.fresh
            if derived and len(fresh):
                made = derived.make(_columns(part.typed[~part.known], derived.needs))
                fresh = fresh.join(geopackage.encode(made, table))
            self._many(sa.insert(geopackage.TABLE[name]), fresh)
            self._update(table, part)
            if name == "reports":
                self._remember(part)
            if derived and part.touched.any():
                keys = part.again[table.key][part.touched]
                self.derive(name, derived, geopackage.among(column(table.key, name), keys))
            done += part.merged
            if progress:
                progress(done.total / len(rows))
        return done

    def remove(self, name: str, keys: Sequence[str]) -> Merged:
        """Take the rows with these keys out of a table; what they were is kept (`REMOVED`)."""
        table, target = TABLES[name], geopackage.TABLE[name]
        names, removed = [c.name for c in target.columns if c.name not in ("fid", table.key)], 0
        for start in range(0, len(keys), CHUNK):
            mine = keys[start : start + CHUNK]
            old = stored(self.connection, table, names, mine)
            shapes = old.pop("geometry") if table.shape else None
            lines = [
                json.dumps(row, ensure_ascii=False) for row in old.reset_index().to_dict("records")
            ]
            kept = {
                "revision": self.revision, "table": name, "key": old.index,
                "content": lines, "geometry": shapes,
            }  # fmt: skip
            self._many(
                sa.insert(geopackage.REMOVED), pd.DataFrame(kept, index=old.index, dtype=object)
            )
            gone = geopackage.among(target.c[table.key], mine)
            self.connection.execute(sa.delete(target).where(gone))
            removed += len(old)
        geopackage.touch(self.connection, geopackage.REMOVED.name)
        return Merged(0, 0, 0, removed)

    def derive(
        self, name: str, derived: Derived, where: sa.ColumnElement[bool] | None = None
    ) -> int:
        """Make derived columns anew, and write them where they differ: in how many rows."""
        table, written = TABLES[name], 0
        for rows in self._each(table, [table.key, *derived.needs], where):
            made = derived.make(rows[list(derived.needs)])
            made.insert(0, table.key, rows[table.key])
            for part in compare(self.connection, table, made):
                self._update(table, part)
                written += part.merged.updated
        return written

    def record(self, events: pd.DataFrame) -> None:
        """Add to what was done to tasks (任务经过): columns of `geopackage.EVENTS`.

        Times are naive UTC; an event without its `at` is of now. The revision is this change's.
        """
        times = {name: _stamped(events[name]) for name in ("at", "due_at") if name in events}
        rows = events.assign(revision=self.revision, **times).astype(object)
        rows = rows.where(rows.notna(), None)
        at = rows["at"] if "at" in rows else pd.Series(None, rows.index, dtype=object)
        self._many(sa.insert(geopackage.EVENTS), rows.assign(at=at.fillna(geopackage.now())))
        geopackage.touch(self.connection, geopackage.EVENTS.name)

    def set(self, **values: Any) -> None:
        """Change settings."""
        for key, value in values.items():
            kept = geopackage.SETTINGS
            self.connection.execute(sa.delete(kept).where(kept.c.key == key))
            self.connection.execute(sa.insert(kept).values(key=key, value=json.dumps(value)))
        self.settings = settings_of(self.connection)

    def finish(self, action: str, name: str, file: str, merged: Merged, rejected: int) -> int:
        """Close the change under a new revision number, which is returned."""
        geopackage.touch(self.connection, name)
        self.connection.execute(
            sa.insert(geopackage.REVISIONS).values(
                revision=self.revision, at=geopackage.now(), action=action, table=name, file=file,
                rejected=rejected, **asdict(merged),
            )
        )  # fmt: skip
        return self.revision

    def _each(
        self, table: Table, columns: Sequence[str], where: sa.ColumnElement[bool] | None
    ) -> Iterator[pd.DataFrame]:
        """Rows in chunks by their place in the file: what is written meanwhile does not move them."""
        fid = geopackage.TABLE[table.name].c.fid
        last = self.connection.execute(sa.select(sa.func.max(fid))).scalar() or 0
        for low in range(0, last, CHUNK) if where is None else (0,):
            mine = fid.between(low + 1, low + CHUNK) if where is None else where
            rows = read_table(self.connection, table, columns, mine)
            if len(rows):
                yield rows

    def _update(self, table: Table, part: Comparison) -> None:
        target, names = geopackage.TABLE[table.name], list(part.changed)
        statement = (
            sa.update(target)
            .where(target.c[table.key] == sa.bindparam(f"_{table.key}"))
            .values({c: sa.bindparam(c) for c in names})
        )
        rows = part.again.loc[part.touched, [*names, table.key]]
        self._many(statement, rows.rename(columns={table.key: f"_{table.key}"}))

    def _remember(self, part: Comparison) -> None:
        for name, mask in part.changed.items():
            old, new = part.before[name][mask], part.again[name].to_numpy(object)[mask]
            if name == "geometry":
                old, new = geopackage.wkt(old), geopackage.wkt(new)
            rows = {
                "report_id": part.again["report_id"].to_numpy(object)[mask],
                "revision": self.revision, "column": name,
                "old": [None if v is None else str(v) for v in old],
                "new": [None if v is None else str(v) for v in new],
            }  # fmt: skip
            self._many(sa.insert(geopackage.HISTORY), pd.DataFrame(rows, dtype=object))

    def _many(self, statement: sa.Insert | sa.Update, rows: pd.DataFrame) -> None:
        # The compiled statement with plain tuples: five times faster than a dict a row.
        if rows.empty:
            return
        names = list(rows.columns)
        compiled = statement.compile(dialect=self.connection.dialect, column_keys=names)
        order = [str(n) for n in compiled.positiontup or names]
        plain = list(zip(*(rows[n].to_numpy(object) for n in order), strict=True))
        self.connection.exec_driver_sql(str(compiled), plain)


def _stamped(times: pd.Series) -> pd.Series:
    """Naive UTC as the store writes it."""
    text = np.datetime_as_string(times.to_numpy("M8[us]").astype("M8[ms]")).astype(object) + "Z"
    return pd.Series(text, times.index, dtype=object).where(times.notna(), None)


def _columns(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """These columns of rows; one that the rows do not have holds nothing."""
    nothing = np.full(len(rows), None, object)
    columns = {name: rows[name].to_numpy(object) if name in rows else nothing for name in names}
    return pd.DataFrame(columns, index=rows.index, dtype=object)
