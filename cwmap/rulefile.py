"""Rule files (细则): TOML that an office edits, with the line named where something is wrong.

A rule file is shipped in data/norms; a workspace's own copy in its folder `rules` wins, and what it
replaces is kept in `rules/history`.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from cwmap import versions
from cwmap.errors import CwmapError
from cwmap.shipped import shipped

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value, as ("category", 0, "part", 2, "cap")."""

_NO_CODE = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL
)
_HEADER = re.compile(r"\s*\[(\[?)\s*([\w\-.]+)")
_TOKEN = re.compile(r"([\w\-]+)\s*=|[\[\]{}]")


class Entry:
    """One table of a rule file. Reads keys, refuses wrong ones, and names file and line.

    `done` at the end refuses keys that nobody asked for: a misspelt key must not be passed over.
    """

    def __init__(self, file: _File, place: Place, values: Mapping[str, Any]) -> None:
        self._file, self._place, self._values = file, place, values
        self._asked: set[str] = set()

    def fail(self, message: str, key: str | None = None) -> NoReturn:
        """Raise CwmapError at the line of this entry, or of one of its keys."""
        line = self._file.line((*self._place, key) if key else self._place)
        raise CwmapError(f"{self._file.name}第 {line} 行：{message}")

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or (not value.strip() and default is None):
            self.fail(f"{key} 应为文字；请写成 {key} = “…”的形式（用英文引号）。", key)
        return value.strip()

    def number(
        self, key: str, low: float, high: float, default: float | None = None, *, whole: bool = False
    ) -> float:  # fmt: skip
        """A number from low to high."""
        value = self._get(key, default)
        kind = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            what = "整数" if whole else "数"
            self.fail(f"{key} 应为 {low:g} 到 {high:g} 之间的{what}；请改正。", key)
        return float(value)

    def flag(self, key: str) -> bool:
        """true or false."""
        value = self._get(key, None)
        if not isinstance(value, bool):
            self.fail(f"{key} 应为 true 或 false；请改正。", key)
        return value

    def numbers(self, key: str, low: float, high: float) -> tuple[float, ...]:
        """A list of numbers from low to high."""
        values = self._get(key, None)
        good = isinstance(values, list) and all(
            isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high
            for v in values
        )
        if not good:
            self.fail(f"{key} 应为方括号里的一列数，如 {key} = [150, 300]；请改正。", key)
        return tuple(float(v) for v in values)

    def words(self, key: str, known: Iterable[str] | None = None) -> tuple[str, ...]:
        """A list of texts, () where the key is missing; each among `known`, if given."""
        values = self._get(key, [])
        if not isinstance(values, list) or not all(
            isinstance(v, str) and v.strip() for v in values
        ):
            self.fail(f"{key} 应为方括号里的一列文字；请改正。", key)
        self._among(key, values, known)
        return tuple(values)

    def choice(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        """One text among `known`."""
        value = self.text(key, default)
        self._among(key, [value], known)
        return value

    def entry(self, key: str) -> Entry:
        """A table within this one."""
        value = self._get(key, None)
        if not isinstance(value, dict):
            self.fail(f"{key} 应为一组键和值；请照随附的细则改正。", key)
        return Entry(self._file, (*self._place, key), value)

    def entries(self, key: str) -> list[Entry]:
        """A list of tables within this one; [] where the key is missing."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self.fail(f"{key} 应为一列条目；请照随附的细则改正。", key)
        return [Entry(self._file, (*self._place, key, n), v) for n, v in enumerate(value)]

    def __iter__(self) -> Iterator[str]:
        """The keys that are given."""
        return iter(self._values)

    def done(self) -> None:
        """Refuse keys that were not asked for."""
        for key in self._values:
            if key not in self._asked:
                known = "、".join(sorted(self._asked))
                self.fail(f"不认识“{key}”；这里可用的有：{known}。", key)

    def _among(self, key: str, values: list[str], known: Iterable[str] | None) -> None:
        unknown = [v for v in values if known is not None and v not in set(known)]
        if unknown:
            self.fail(f"{key} 里的“{unknown[0]}”不存在；可用：{'、'.join(known or ())}。", key)

    def _get(self, key: str, default: Any) -> Any:
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is None:
            self.fail(f"缺少 {key}；请补上。")
        return value


class _File:
    def __init__(self, name: str, text: str) -> None:
        self.name, self._lines = name, positions(text)

    def line(self, place: Place) -> int:
        """The line of a value, or of the nearest entry around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)


def parse(name: str, text: str) -> Entry:
    """The top table of a rule file; CwmapError with the line where it is not TOML.

    name: what messages call the file, as 考核细则.
    """
    try:
        values = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise CwmapError(
            f"{name}第 {line} 行：写法有误；请检查引号、括号和等号（须用英文标点），或照上下行改正。"
        ) from error
    return Entry(_File(name, text), (), values)


def positions(text: str) -> dict[Place, int]:
    """Line (from 1) of each table, key and inline entry of a well-formed TOML text.

    What is written in quoted or dotted keys is not found; its surroundings are.
    """
    lines: dict[Place, int] = {}
    times: Counter[Place] = Counter()
    table: Place = ()
    key: Place = ()
    entry: Place = ()
    depth = 0
    blank = _NO_CODE.sub(lambda found: '""' + "\n" * found[0].count("\n"), text)
    for number, line in enumerate(blank.split("\n"), start=1):
        header = _HEADER.match(line)
        if depth == 0 and header:
            table = _table(header[2].split("."), bool(header[1]), times)
            lines.setdefault(table, number)
            continue
        for token in _TOKEN.finditer(line):
            if token[1]:
                place = (*entry, token[1]) if depth else (*table, token[1])
                key = key if depth else place
                lines.setdefault(place, number)
            elif token[0] == "{":
                entry = (*key, times[key]) if depth else key
                times[key] += 1
                lines.setdefault(entry, number)
                depth += 1
            else:
                depth += 1 if token[0] == "[" else -1
    return lines


def _table(words: list[str], repeated: bool, times: Counter[Place]) -> Place:
    """The place of a header: `[[category.part]]` is a further part of the last category."""
    place: Place = ()
    for at, word in enumerate(words):
        place = (*place, word)
        if repeated and at == len(words) - 1:
            times[place] += 1
        if times[place]:
            place = (*place, times[place] - 1)
    return place


def version(text: str) -> str:
    """A short name of a text's content, to tell rule sets apart."""
    return sha256(text.encode()).hexdigest()[:12]


def read(name: str, file: str, workspace: Path | None) -> tuple[str, str]:
    """What messages call the file, and its text: the workspace's own copy, else the shipped one.

    file: as assessment.toml. CwmapError where it cannot be read.
    """
    own = workspace / "rules" / file if workspace else None
    path = own if own and own.exists() else shipped(f"data/norms/{file}")
    label = f"{name}“{path}”"
    try:
        return label, path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CwmapError(
            f"读不到{label}；请检查文件夹的权限，或删去它以用回随附的规则。"
        ) from error
    except UnicodeDecodeError as error:
        raise CwmapError(f"{label}不是 UTF-8 编码；请另存为 UTF-8 后再试。") from error


def write(file: str, workspace: Path, text: str) -> Path:
    """Store a rule file in the workspace, all of it or nothing; the one before goes to the history.

    The caller has checked the text. CwmapError where the folder cannot be written.
    """
    path = workspace / "rules" / file
    try:
        versions.write(path, text)
    except OSError as error:
        raise CwmapError(
            f"规则没有保存：“{path.parent}”写不进去；请检查写权限和磁盘空间。"
        ) from error
    return path


def history(file: str, workspace: Path) -> list[Path]:
    """Earlier versions of a rule file, newest first."""
    return versions.earlier(workspace / "rules" / file)
