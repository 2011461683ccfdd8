"""Which rows are the same: ids for rows that have none, and rows that a file holds twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap.checks.findings import Findings
from cwmap.tables import Table

_DIGITS = 16  # of the hash in an id: among a million rows two alike are a matter of 1 in 10⁸
_DECIMALS = 7  # of a degree, 1 cm: what is left of a shape's coordinates in its hash


@dataclass(frozen=True)
class Repeats:
    """Which rows stay, (n,), and how many were left out: repeats word for word, and overtaken."""

    kept: npt.NDArray[np.bool_]
    unchanged: int
    replaced: int


def content(frame: pd.DataFrame, table: Table, shapes: npt.NDArray[np.object_] | None) -> pd.Series:
    """Hash of each row's typed content and shape, hexadecimal; the id itself is no content.

    Columns that are missing or empty leave no trace: a file with an empty column more gives the
    same hashes.
    """
    text = pd.Series("", frame.index, dtype="str")
    for column in table.columns:
        if column.name == table.key or column.name not in frame:
            continue
        values = frame[column.name]
        if values.dtype.kind == "M":
            written = values.astype("int64").astype("str")
        else:
            written = values.astype("str")
        part = "\x1f" + column.name + "=" + written
        text += part.where(values.notna(), "")
    rows = [row.encode() for row in text]
    if shapes is not None:
        rows = [row + blob for row, blob in zip(rows, _blobs(shapes), strict=True)]
    hashes = [hashlib.sha256(row).hexdigest() for row in rows]
    return pd.Series(hashes, frame.index, dtype=object)


def _blobs(shapes: npt.NDArray[np.object_]) -> list[bytes]:
    """Shapes as bytes, to `_DECIMALS`; empty for None. Points, the bulk, without a detour."""
    points = shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    xy = np.column_stack([shapely.get_x(shapes), shapely.get_y(shapes)]).round(_DECIMALS) + 0.0
    raw = xy.astype("<f8").tobytes()
    blobs = [
        raw[16 * at : 16 * at + 16] if point else b"" for at, point in enumerate(points.tolist())
    ]
    spread = np.flatnonzero(~points & ~shapely.is_missing(shapes))
    rounded = shapely.transform(shapes[spread], lambda xy: np.round(xy, _DECIMALS) + 0.0)
    for at, blob in zip(spread, shapely.to_wkb(rounded, byte_order=1), strict=True):
        blobs[at] = blob
    return blobs


def identified(
    own: pd.Series,
    frame: pd.DataFrame,
    table: Table,
    shapes: npt.NDArray[np.object_] | None,
) -> pd.Series:
    """The id of every row: its own, else one made from what tells it apart (R-, then 16 digits)."""
    missing = own.isna().to_numpy()
    if not missing.any():
        return own
    part = None if shapes is None or table.identity else shapes[missing]
    telling = frame[[c for c in table.identity if c in frame]] if table.identity else frame
    made = table.name[0].upper() + "-" + content(telling[missing], table, part).str[:_DIGITS]
    return own.mask(missing, made.astype(object))


def repeats(
    frame: pd.DataFrame,
    made: pd.Series,
    table: Table,
    shapes: npt.NDArray[np.object_] | None,
    findings: Findings,
    header: str,
) -> Repeats:
    """Which of the rows with the same id stays: the last.

    Reported are rows that differ from it, and rows without an id of their own (`made`), which may
    have been two things after all. frame (with its key), made and shapes have one entry a row of
    the file; rejected rows take no part.
    """
    ids, kept = frame[table.key], ~findings.failed
    several = kept & ids.where(kept).duplicated(keep=False).to_numpy()
    at = np.flatnonzero(several)
    if not len(at):
        return Repeats(kept, 0, 0)
    part = None if shapes is None else shapes[at]
    inside = content(frame.iloc[at], table, part).to_numpy(object)
    group = pd.factorize(ids.iloc[at])[0]
    order = np.argsort(group, kind="stable")
    earlier, later = order[:-1], order[1:]
    paired = group[earlier] == group[later]
    earlier, later = earlier[paired], later[paired]
    differs = inside[earlier] != inside[later]
    kept = kept.copy()
    kept[at[earlier]] = False
    rows = frame.index.to_numpy()
    last = dict(zip(at[earlier].tolist(), at[later].tolist(), strict=True))
    reasons = {}
    for i in sorted(at[earlier][differs].tolist()):
        pair = f"第 {rows[i]} 行和第 {rows[last[i]]} 行"
        reasons[i] = f"编号在{pair}重复，内容不同，以后一行为准"
    findings.add(reasons, header, ids, remedy="如果是两件事，请改用不同的编号", level="warning")
    alike = sorted(at[earlier][made.to_numpy()[at[earlier]]].tolist())
    reasons = {i: f"与第 {rows[last[i]]} 行完全相同，按同一件处理" for i in alike}
    findings.add(reasons, header, None, remedy="如果是两件事，请加上编号", level="warning")
    return Repeats(kept, int((~differs).sum()), int(differs.sum()))
