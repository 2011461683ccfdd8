"""Rows of the store: read in chunks, and compared with those that come in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from cwmap.storage import geopackage
from cwmap.tables import Table

CHUNK = 50_000
"""Rows that are in hand at once, so that memory does not grow with the number of rows."""

_FETCHED = 10_000  # rows at once from the cursor: they stay in the processor's cache

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Merged:
    """What one merge did to one table: numbers of rows."""

    added: int
    updated: int
    unchanged: int
    removed: int = 0

    def __add__(self, other: Merged) -> Merged:
        return Merged(
            self.added + other.added, self.updated + other.updated,
            self.unchanged + other.unchanged, self.removed + other.removed,
        )  # fmt: skip

    @property
    def total(self) -> int:
        """Rows that came in."""
        return self.added + self.updated + self.unchanged

    @property
    def changes(self) -> bool:
        """Whether the table is another one than before."""
        return bool(self.added or self.updated or self.removed)


@dataclass(frozen=True)
class Comparison:
    """Rows that come in beside what the store has under their keys.

    typed: the rows as given. known: which of them exist. fresh, again: as stored, those that are
    new and those that are known. before: what the known ones were, by column. changed: where a
    column differs, without the columns that only new rows take.
    """

    typed: pd.DataFrame
    known: Mask
    fresh: pd.DataFrame
    again: pd.DataFrame
    before: dict[str, geopackage.Objects]
    changed: dict[str, Mask]

    @property
    def touched(self) -> Mask:
        """Which of the known rows differ."""
        none = np.zeros(len(self.again), bool)
        mask: Mask = np.logical_or.reduce([*self.changed.values(), none])
        return mask

    @property
    def merged(self) -> Merged:
        """What storing these rows does."""
        updated = int(self.touched.sum())
        return Merged(len(self.fresh), updated, len(self.again) - updated)


def compare(
    connection: sa.Connection, table: Table, rows: pd.DataFrame, defaulted: Sequence[str] = ()
) -> Iterator[Comparison]:
    """Rows with unique keys, `CHUNK` at a time, each compared when it is its turn.

    `defaulted`: columns that only new rows take.
    """
    names = [c.name for c in table.stored if c.name in rows and c.name != table.key]
    if "geometry" in rows and table.shape:
        names.append("geometry")
    for start in range(0, len(rows), CHUNK):
        typed = rows.iloc[start : start + CHUNK]
        coming = geopackage.encode(typed[[table.key, *names]], table)
        there = stored(connection, table, names, coming[table.key])
        known = coming[table.key].isin(there.index).to_numpy()
        again = coming[known]
        old = there.loc[again[table.key]]
        before = {c: old[c].to_numpy(object) for c in names if c not in defaulted}
        changed = {c: np.asarray(v != again[c].to_numpy(object), bool) for c, v in before.items()}
        yield Comparison(typed, known, coming[~known], again, before, changed)


def stored(
    connection: sa.Connection, table: Table, names: Sequence[str], keys: Iterable[str]
) -> pd.DataFrame:
    """Raw values of the rows with these keys; index: the key."""
    target = geopackage.TABLE[table.name]
    query = sa.select(target.c[table.key], *(target.c[c] for c in names))
    query = query.where(geopackage.among(target.c[table.key], keys))
    rows = [row for part in _chunks(connection, query) for row in part]
    return pd.DataFrame(rows, columns=[table.key, *names], dtype=object).set_index(table.key)


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
    parts = [geopackage.decode(rows, columns, table) for rows in _chunks(connection, query)]
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def read_removed(connection: sa.Connection, table: Table) -> pd.DataFrame:
    """Rows that were taken out of a table, the first first: revision, at, and the table's columns."""
    gone, made = geopackage.REMOVED.c, geopackage.REVISIONS.c
    query = (
        sa.select(gone.revision, made.at, gone.content, gone.geometry)
        .join(geopackage.REVISIONS, made.revision == gone.revision)
        .where(gone.table == table.name)
        .order_by(gone.id)
    )
    rows = connection.execute(query).all()
    names = [c.name for c in table.stored] + (["geometry"] if table.shape else [])
    content = [{**json.loads(row.content), "geometry": row.geometry} for row in rows]
    read = geopackage.decode([[one.get(n) for n in names] for one in content], names, table)
    read.insert(0, "revision", [row.revision for row in rows])
    read.insert(1, "at", [row.at for row in rows])
    return read


def read_columns(connection: sa.Connection, table: Table, columns: Sequence[str]) -> pa.Table:
    """All rows ordered by key, as Arrow columns: less time and a tenth of the memory.

    Times as timestamps in UTC; `geometry` as it is stored, see `cwmap.storage.geopackage.points`.
    """
    target = geopackage.TABLE[table.name]
    query = sa.select(*(target.c[c] for c in columns)).order_by(target.c[table.key])
    parts = [geopackage.in_columns(rows, columns, table) for rows in _chunks(connection, query)]
    return pa.concat_tables(parts)


def _chunks(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as plain tuples, three times faster than SQLAlchemy's; at least one list, maybe empty."""
    result = connection.execute(query)
    cursor = result.cursor
    assert cursor is not None
    rows = list(cursor.fetchmany(_FETCHED))
    yield rows
    while len(rows) == _FETCHED:
        rows = list(cursor.fetchmany(_FETCHED))
        if rows:
            yield rows
    result.close()


def column(name: str, of: str) -> sa.ColumnElement[Any]:
    """A stored column, to build a `where`."""
    return geopackage.TABLE[of].c[name]


def revision_of(connection: sa.Connection) -> int:
    """Number of the last change that this connection sees."""
    newest = sa.select(sa.func.coalesce(sa.func.max(geopackage.REVISIONS.c.revision), 0))
    return int(connection.execute(newest).scalar_one())
