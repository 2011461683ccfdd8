"""What is wrong with the rows of a file: each problem with its row, column, value and remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Level = Literal["error", "warning"]
Mask = npt.NDArray[np.bool_]

_SHOWN = 120  # characters of a value that a problem shows


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of one row: an error rejects the row, a warning does not.

    `row` is the row's number in the file, `column` the header there (or the table's label).
    """

    row: int
    column: str
    value: str
    reason: str
    remedy: str
    level: Level

    def as_dict(self) -> dict[str, str | int]:
        """As the command line gives it."""
        return {name: getattr(self, name) for name in self.__slots__}


class Findings:
    """Collects the problems of a file, by position of the row."""

    def __init__(self, rows: pd.Index) -> None:
        self._rows = rows.to_numpy()
        self._found: list[tuple[int, Problem]] = []
        self.failed: Mask = np.zeros(len(rows), bool)

    def add(
        self,
        at: Mask | Mapping[int, str],
        column: str,
        values: pd.Series | Callable[[int], str] | None,
        reason: str = "",
        remedy: str | Callable[[int], str] = "",
        level: Level = "error",
    ) -> None:
        """Note one problem at each position of a mask, or of a mapping position → reason.

        `values`: what stands in the cells, by position; None where it is nothing. `remedy`: what to
        do about it, the same for all or by position.
        """
        if not isinstance(at, Mapping):
            at = dict.fromkeys(np.flatnonzero(at).tolist(), reason)
        cells = values.to_numpy(object) if isinstance(values, pd.Series) else None
        for position, why in at.items():
            value = cells[position] if cells is not None else values(position) if values else None
            text = value if isinstance(value, str) else ""  # a missing value is None or NaN
            if len(text) > _SHOWN:
                text = text[:_SHOWN] + "…"
            row = int(self._rows[position])
            todo = remedy if isinstance(remedy, str) else remedy(position)
            self._found.append((int(position), Problem(row, column, text, why, todo, level)))
            if level == "error":
                self.failed[position] = True

    def include(self, other: Findings) -> None:
        """Take over what was found about the same rows elsewhere."""
        self._found += other._found
        self.failed |= other.failed

    @property
    def problems(self) -> list[Problem]:
        """All problems, in the order of the rows."""
        return [problem for _, problem in sorted(self._found, key=lambda found: found[0])]
