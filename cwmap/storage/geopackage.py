"""How the store looks inside: OGC GeoPackage 1.3 tables and values (opengeospatial.github.io/e).

Geometries are kept in EPSG:4326 (longitude, latitude), times as UTC text with milliseconds.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
import sqlalchemy as sa
from pyproj import CRS
from shapely.geometry.base import BaseGeometry
from sqlalchemy.types import UserDefinedType

from cwmap.tables import TABLES, Column, Table

Objects = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

SRS = 4326
_TIME_LENGTH = len("2026-03-01T09:05:00.000Z")
APPLICATION_ID = 0x47504B47
USER_VERSION = 10300
_HEADER = struct.pack("<2sBBi", b"GP", 0, 0b0000_0001, SRS)
_POINT = _HEADER + struct.pack("<BI", 1, 1)
_ARROW = {
    "geometry": pa.binary(), "number": pa.float64(), "integer": pa.float64(),
    "time": pa.string(), "timestamp": pa.timestamp("us", "UTC"),
}  # fmt: skip
_TYPE = {"polygon": "MULTIPOLYGON", "point": "POINT", "any": "GEOMETRY"}


class _Named(UserDefinedType[object]):
    """A column type by its GeoPackage name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def _type(column: Column) -> sa.types.TypeEngine[Any]:
    plain: dict[str, sa.types.TypeEngine[Any]] = {
        "integer": sa.Integer(), "number": sa.Double(), "time": _Named("DATETIME"),
    }  # fmt: skip
    return plain.get(column.kind, sa.Text())


METADATA = sa.MetaData()


def _define(table: Table) -> sa.Table:
    columns: list[sa.Column[Any]] = [sa.Column("fid", sa.Integer, primary_key=True)]
    if table.shape:
        columns.append(sa.Column("geometry", _Named(_TYPE[table.shape])))
    for column in table.stored:
        needed = column.required or column.name == table.key
        unique = column.name == table.key
        columns.append(sa.Column(column.name, _type(column), unique=unique, nullable=not needed))
    defined = sa.Table(table.name, METADATA, *columns)
    if table.name == "reports":
        sa.Index("reports_lane", defined.c.lane_id, defined.c.reported_at)
        sa.Index("reports_cell", defined.c.cell_id, defined.c.reported_at)
    return defined


TABLE: dict[str, sa.Table] = {name: _define(table) for name, table in TABLES.items()}

SETTINGS = sa.Table(
    "cwmap_settings", METADATA,
    sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False),
)  # fmt: skip
REVISIONS = sa.Table(
    "cwmap_revisions", METADATA,
    sa.Column("revision", sa.Integer, primary_key=True), sa.Column("at", _Named("DATETIME")),
    *(sa.Column(c, sa.Text) for c in ("action", "table", "file")),
    *(sa.Column(c, sa.Integer) for c in ("added", "updated", "unchanged", "rejected", "removed")),
)  # fmt: skip
HISTORY = sa.Table(
    "report_history", METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("report_id", sa.Text, index=True), sa.Column("revision", sa.Integer),
    *(sa.Column(c, sa.Text) for c in ("column", "old", "new")),
)  # fmt: skip
EVENTS = sa.Table(
    "task_events", METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("task_id", sa.Text, nullable=False, index=True), sa.Column("revision", sa.Integer),
    sa.Column("at", _Named("DATETIME"), nullable=False),
    *(sa.Column(c, sa.Text) for c in ("who", "action", "old", "new", "owner")),
    sa.Column("due_at", _Named("DATETIME")),
    *(sa.Column(c, sa.Text) for c in ("note", "photo")),
)  # fmt: skip
"""What was done to a task (任务经过): added to, never changed or taken from."""
REMOVED = sa.Table(
    "removed_rows", METADATA,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("revision", sa.Integer),
    sa.Column("table", sa.Text, nullable=False), sa.Column("key", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False), sa.Column("geometry", sa.LargeBinary),
)  # fmt: skip
"""Rows that a replacement took out (整表替换): `content` is JSON of the columns as they were stored."""

_SRS = sa.Table(
    "gpkg_spatial_ref_sys", METADATA,
    sa.Column("srs_name", sa.Text, nullable=False),
    sa.Column("srs_id", sa.Integer, primary_key=True),
    sa.Column("organization", sa.Text, nullable=False),
    sa.Column("organization_coordsys_id", sa.Integer, nullable=False),
    sa.Column("definition", sa.Text, nullable=False), sa.Column("description", sa.Text),
)  # fmt: skip
_CONTENTS = sa.Table(
    "gpkg_contents", METADATA,
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("data_type", sa.Text, nullable=False),
    sa.Column("identifier", sa.Text, unique=True), sa.Column("description", sa.Text),
    sa.Column("last_change", _Named("DATETIME"), nullable=False),
    *(sa.Column(c, sa.Double) for c in ("min_x", "min_y", "max_x", "max_y")),
    sa.Column("srs_id", sa.Integer, sa.ForeignKey("gpkg_spatial_ref_sys.srs_id")),
)  # fmt: skip
_GEOMETRY_COLUMNS = sa.Table(
    "gpkg_geometry_columns", METADATA,
    sa.Column("table_name", sa.Text, sa.ForeignKey("gpkg_contents.table_name"), primary_key=True),
    sa.Column("column_name", sa.Text, primary_key=True),
    sa.Column("geometry_type_name", sa.Text, nullable=False),
    sa.Column("srs_id", sa.Integer, sa.ForeignKey("gpkg_spatial_ref_sys.srs_id"), nullable=False),
    sa.Column("z", sa.SmallInteger, nullable=False), sa.Column("m", sa.SmallInteger, nullable=False),
)  # fmt: skip


def register(connection: sa.Connection) -> None:
    """Enter the coordinate systems and every table in the GeoPackage's own tables of contents."""
    systems = [
        ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined"),
        ("WGS 84 geodetic", SRS, "EPSG", SRS, CRS.from_epsg(SRS).to_wkt("WKT1_GDAL")),
    ]
    names = ("srs_name", "srs_id", "organization", "organization_coordsys_id", "definition")
    connection.execute(sa.insert(_SRS), [dict(zip(names, s, strict=True)) for s in systems])
    _enter(connection, set())


def upgrade(connection: sa.Connection) -> None:
    """Give a file of an older version the tables and columns that it lacks; nothing else changes."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    METADATA.create_all(connection)
    _enter(connection, there)
    for table in (*TABLE.values(), REVISIONS):
        if table.name not in there:
            continue
        known = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:  # a new column is never a required one
                kind = column.type.compile(connection.dialect)
                name = connection.dialect.identifier_preparer.quote(column.name)
                connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN {name} {kind}')


def _enter(connection: sa.Connection, known: set[str]) -> None:
    """Enter our tables, but for the known ones, in the tables of contents."""
    moment = now()
    tables = [(t.name, t.label, t.purpose, t.shape) for t in TABLES.values()]
    ours = (SETTINGS, REVISIONS, HISTORY, EVENTS, REMOVED)
    tables += [(t.name, t.name, "cwmap", None) for t in ours]
    for name, label, purpose, shape in tables:
        if name in known:
            continue
        connection.execute(
            sa.insert(_CONTENTS).values(
                table_name=name, data_type="features" if shape else "attributes",
                identifier=label, description=purpose, last_change=moment,
                srs_id=SRS if shape else None,
            )
        )  # fmt: skip
        if shape:
            connection.execute(
                sa.insert(_GEOMETRY_COLUMNS).values(
                    table_name=name, column_name="geometry", geometry_type_name=_TYPE[shape],
                    srs_id=SRS, z=0, m=0,
                )
            )  # fmt: skip


def seal(engine: sa.Engine) -> None:
    """Mark the file as a GeoPackage and fold the write-ahead log into it."""
    raw = engine.raw_connection()  # outside SQLAlchemy's transactions: these pragmas need none
    try:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA application_id={APPLICATION_ID}")
        cursor.execute(f"PRAGMA user_version={USER_VERSION}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def now() -> str:
    """This moment as stored: UTC, milliseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def touch(connection: sa.Connection, name: str) -> None:
    """Note when a table changed; its extent is left open, as the standard allows."""
    statement = sa.update(_CONTENTS).where(_CONTENTS.c.table_name == name)
    connection.execute(statement.values(last_change=now()))


def encode(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Typed values → values as stored; every missing value becomes None. Columns stay in order."""
    multi = table.shape == "polygon"
    columns = {
        name: _blobs(frame[name].to_numpy(object), force_multi=multi)
        if name == "geometry"
        else _encoded(frame[name], table[name])
        for name in frame.columns
    }
    return pd.DataFrame(columns, index=frame.index, dtype=object)


def decode(rows: Sequence[Sequence[object]], names: Sequence[str], table: Table) -> pd.DataFrame:
    """Rows as stored → typed columns: times naive UTC, numbers float, text str or None, geometry
    shapely (EPSG:4326).
    """
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    typed = {}
    for name, values in zip(names, columns, strict=True):
        array = np.empty(len(values), object)
        array[:] = values
        if name == "geometry":
            array = _shapes(array)
        elif table[name].kind == "time":
            array = _times(array)
        elif table[name].kind in ("number", "integer"):
            array = array.astype(np.float64)
        typed[name] = pd.Series(array, dtype=array.dtype)
    return pd.DataFrame(typed)


def in_columns(rows: Sequence[Sequence[object]], names: Sequence[str], table: Table) -> pa.Table:
    """Rows as stored → Arrow columns: times as timestamps in UTC, geometry as it is stored."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    arrays = []
    for name, values in zip(names, columns, strict=True):
        kind = "geometry" if name == "geometry" else table[name].kind
        array = pa.array(values, _ARROW.get(kind, pa.string()))
        if kind == "time":
            array = _timestamps(array)
        arrays.append(array)
    return pa.table(arrays, names=list(names))


def points(blobs: pa.ChunkedArray) -> tuple[Floats, Floats, dict[int, BaseGeometry]]:
    """Longitude and latitude of stored points, (n,), NaN for others; position → shape of those."""
    blob = blobs.combine_chunks()
    plain = pc.equal(pc.binary_length(blob), len(_POINT) + 16).fill_null(False)
    at = np.flatnonzero(plain)
    data = blob.filter(plain)
    raw = np.frombuffer(b"".join(data.to_pylist()), np.uint8).reshape(-1, len(_POINT) + 16)
    ours = (raw[:, : len(_POINT)] == np.frombuffer(_POINT, np.uint8)).all(axis=1)
    xy = np.full((len(blob), 2), np.nan)
    xy[at[ours]] = raw[ours, len(_POINT) :].copy().view("<f8")
    others = blob.is_valid().to_numpy(zero_copy_only=False).copy()
    others[at[ours]] = False
    rest = np.flatnonzero(others)
    shapes = _shapes(np.array([blob[i].as_py() for i in rest], object))
    xy[rest, 0], xy[rest, 1] = shapely.get_x(shapes), shapely.get_y(shapes)
    wide = np.isnan(xy[rest, 0])
    found = dict(zip(rest[wide].tolist(), shapes[wide], strict=True))
    return xy[:, 0].copy(), xy[:, 1].copy(), found


def among(column: sa.ColumnElement[Any], keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """True for rows whose text column holds one of so many keys; one parameter, however many."""
    listed = sa.func.json_each(json.dumps(list(keys))).table_valued("value")
    return column.in_(sa.select(listed.c.value))


def _encoded(values: pd.Series, column: Column) -> Objects:
    stored: Objects
    if column.kind == "time":
        # Milliseconds, as the standard writes them.
        text = np.datetime_as_string(values.to_numpy("M8[us]").astype("M8[ms]")).astype(object)
        stored = text + "Z"
    elif column.kind in ("number", "integer"):
        numbers = values.to_numpy(np.float64)
        whole = column.kind == "integer"
        stored = (np.nan_to_num(numbers).astype(np.int64) if whole else numbers).astype(object)
    else:
        stored = values.to_numpy(object, copy=True)
        if pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
            stored = np.array([str(v) for v in stored], object)
    stored[values.isna().to_numpy()] = None
    return stored


def _timestamps(text: pa.StringArray) -> pa.Array:
    try:
        return text.cast(_ARROW["timestamp"])
    except pa.ArrowInvalid:  # QGIS or a person wrote some of them
        return pa.array(_times(text.to_numpy(zero_copy_only=False)), _ARROW["timestamp"])


def _times(text: Objects) -> Times:
    missing = pd.isna(text)
    fixed = np.where(missing, "NaT", text).astype("S")
    if fixed.dtype.itemsize == _TIME_LENGTH:  # all as `encode` writes them: ten times faster
        last = fixed.view("S1").reshape(len(fixed), -1)[:, -1]
        if ((last == b"Z") | missing).all():
            times: Times = fixed.astype(f"S{_TIME_LENGTH - 1}").astype("M8[ms]").astype("M8[us]")
            return times
    # QGIS or a person wrote some of them.
    parsed = pd.to_datetime(pd.Series(text), format="ISO8601", errors="coerce", utc=True)
    return np.asarray(parsed.dt.tz_localize(None), "M8[us]")


def wkt(blobs: Objects) -> Objects:
    """Stored geometries as text, for the history."""
    text: Objects = shapely.to_wkt(_shapes(blobs), rounding_precision=7)
    return text


def _blobs(shapes: Objects, *, force_multi: bool) -> Objects:
    if force_multi:
        single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
        shapes = shapes.copy()
        shapes[single] = [shapely.MultiPolygon([p]) for p in shapes[single]]
    body = shapely.to_wkb(shapes, byte_order=1)
    blobs = np.empty(len(shapes), object)
    blobs[:] = [None if b is None else _HEADER + b for b in body]
    return blobs


def _shapes(blobs: Objects) -> Objects:
    bodies = np.empty(len(blobs), object)
    bodies[:] = [None if b is None else b[_offset(b) :] for b in blobs]
    shapes: Objects = shapely.from_wkb(bodies)
    return shapes


def _offset(blob: bytes) -> int:
    # QGIS may have edited the row and added an envelope: its size stands in the flags.
    envelope = (0, 32, 48, 48, 64)[(blob[3] >> 1) & 0b111]
    return 8 + envelope
