"""The norms that a report is measured by: categories, their groups and time limits (问题类别).

Shipped in data/norms/categories.toml, each value with its source; a town adds its own in the table
`categories`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cwmap.errors import CwmapError
from cwmap.shipped import shipped
from cwmap.tables import normalise
from cwmap.worktime import Limit

OTHER_GROUP = "other"
OTHER_CATEGORY = "L999"

_MATTER_ID = re.compile(r"\d{6}(\d{5})")  # division + code, as in 62120206010
_SEPARATOR = re.compile(r"[、,，;；|]")


@dataclass(frozen=True)
class Group:
    """What people call a kind of problem: one colour, icon and time limit."""

    key: str
    name: str
    icon: str
    colour: str
    limit: Limit
    limit_source: str = ""


@dataclass(frozen=True)
class Category:
    """One category. `group` is a group's key, `limit` its own time limit or its group's.

    `gbt30428` and `cjt214` are its codes in the two older standards, empty where it has none.
    """

    code: str
    name: str
    group: str
    limit: Limit
    aliases: tuple[str, ...] = ()
    gbt30428: str = ""
    cjt214: str = ""

    @property
    def words(self) -> Iterator[str]:
        """Every text that means this category, besides the 11-digit matter id."""
        yield self.code
        if self.code.startswith("0"):
            yield self.code[1:]  # a spreadsheet that took the code for a number
        yield self.name
        yield from self.aliases
        if self.gbt30428:
            yield self.gbt30428
        if self.cjt214:
            yield f"CJT214:{self.cjt214}"


class Categories:
    """The categories in force and the words that mean them; each word means exactly one."""

    def __init__(self, groups: Iterable[Group], categories: Iterable[Category]) -> None:
        self.groups = tuple(groups)
        self.codes = {category.code: category for category in categories}
        self._groups = {group.key: group for group in self.groups}
        self._words = _words(self.codes.values())
        first = {c.group: c.code for c in reversed(self.codes.values())}
        for group in self.groups:
            if group.key in first:
                self._words.setdefault(normalise(group.name), first[group.key])
        # What `suggest` looks through: names and aliases as they are written.
        self._written = {
            normalise(word): self.codes[code].name
            for code in self.codes
            for word in (self.codes[code].name, *self.codes[code].aliases)
        }

    @classmethod
    def load(cls, path: Path | None = None) -> Categories:
        """The shipped categories, or those of another file of the same form.

        CwmapError names the file and the line or entry that is wrong, and any word that means two
        categories.
        """
        content = _toml(path := path or shipped("data/norms/categories.toml"))
        groups = {}
        for number, entry in enumerate(content.get("group", []), start=1):
            group = _group(entry, f"“{path}”的第 {number} 个 [[group]]")
            groups[group.key] = group
        if OTHER_GROUP not in groups:
            raise CwmapError(f'“{path}”缺少 key = "{OTHER_GROUP}" 的分组；请补上后再试。')
        categories: dict[str, Category] = {}
        for number, entry in enumerate(content.get("category", []), start=1):
            where = f"“{path}”的第 {number} 个 [[category]]"
            category = _category(entry, groups, where)
            if category.code in categories:
                raise CwmapError(f"{where}的代码 {category.code} 重复；请改用别的代码。")
            categories[category.code] = category
        shared = _shared(categories.values())
        if shared:
            word, codes = next(iter(shared.items()))
            raise CwmapError(
                f"“{path}”里“{word}”同时指 {'、'.join(codes)}；请只在其中一个类别保留这个叫法。"
            )
        return cls(groups.values(), categories.values())

    def find(self, text: str) -> str | None:
        """Code of the category that a text means exactly, or None.

        Code, name, alias, GB/T 30428.2 code (01-10, 0110), CJ/T 214 code with its prefix
        (CJT214:01-02), matter id (62120206010) or a group's name. Case, width, blanks do not matter.
        """
        found = self._words.get(normalise(text))
        if found is None:
            matter = _MATTER_ID.fullmatch(unicodedata.normalize("NFKC", text).strip())
            found = matter[1] if matter and matter[1] in self.codes else None
        return found

    def find_group(self, text: str) -> Group | None:
        """The group of this key, name, or part of a name like A/B; None if there is none."""
        word = normalise(text)
        for group in self.groups:
            if word in map(normalise, (group.key, group.name, *group.name.split("/"))):
                return group
        return None

    def suggest(self, text: str) -> str | None:
        """Name of the category that is written most alike, for a message; None if none is near."""
        word = normalise(text)[:40]
        near = difflib.get_close_matches(word, self._written, n=1, cutoff=0.6)
        return self._written[near[0]] if near else None

    def name(self, code: str) -> str:
        """Chinese name of a code; a code that is no longer in force is its own name."""
        return self.codes[code].name if code in self.codes else code

    def group_of(self, code: str) -> Group:
        """The group of a code; 其他 for one that is no longer in force."""
        return self._groups[self.codes[code].group if code in self.codes else OTHER_GROUP]

    def limit(self, code: str) -> Limit:
        """Time limit (处置时限) of a code."""
        return self.codes[code].limit if code in self.codes else self.group_of(code).limit

    def limit_h(self, code: str) -> float:
        """About how many hours pass on the clock until the limit is over, to compare kinds."""
        return self.limit(code).clock_h

    def with_local(self, rows: pd.DataFrame) -> Categories:
        """These categories with the town's own: columns category, name, group, aliases, limit_h.

        A row with a known code changes that category's name, group and limit, and its old words
        stay valid. Where a town's word already meant another category, the town's meaning holds.
        Its limit_h are working hours.
        """
        merged = dict(self.codes)
        local: list[Category] = []
        for row in rows.to_dict("records"):
            given = {str(k): v for k, v in row.items() if isinstance(v, str) or pd.notna(v)}
            code = str(given["category"])
            name = str(given.get("name", code))
            old = self.codes.get(code)
            found = self.find_group(str(given["group"])) if "group" in given else None
            group = found or self._groups[old.group if old else OTHER_GROUP]
            limit = old.limit if old and not found else group.limit
            if "limit_h" in given:
                limit = Limit(float(given["limit_h"]), "工作时")
            aliases = split_words(str(given.get("aliases", "")))
            if old:
                aliases = tuple(dict.fromkeys((*aliases, old.name, *old.aliases)))
                local.append(replace(old, name=name, group=group.key, limit=limit, aliases=aliases))
            else:
                local.append(Category(code, name, group.key, limit, aliases))
            merged[code] = local[-1]
        together = Categories(self.groups, merged.values())
        codes = {normalise(code) for code in merged}
        for category in local:
            own = _words([category]).items()
            together._words.update({word: code for word, code in own if word not in codes})
        return together


def split_words(text: str) -> tuple[str, ...]:
    """Words of a cell that lists several (别名): separated by 、 or comma or semicolon."""
    return tuple(dict.fromkeys(w for w in (w.strip() for w in _SEPARATOR.split(text)) if w))


def _words(categories: Iterable[Category]) -> dict[str, str]:
    words: dict[str, str] = {}
    for category in categories:
        for word in category.words:
            words.setdefault(normalise(word), category.code)
    return words


def _shared(categories: Iterable[Category]) -> dict[str, list[str]]:
    """Normalised words that mean more than one category → their codes."""
    owners: dict[str, dict[str, None]] = {}
    for category in categories:
        for word in category.words:
            owners.setdefault(normalise(word), {})[category.code] = None
    return {word: list(codes) for word, codes in owners.items() if len(codes) > 1}


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CwmapError(f"读不到类别表“{path}”；请重新安装或恢复这个文件。") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"line (\d+)", str(error))
        where = f"第 {place[1]} 行" if place else "编码不是 UTF-8 或结尾不完整，"
        raise CwmapError(f"类别表“{path}”{where}写法有误；请按 TOML 格式改正。") from error


def _group(entry: Mapping[str, Any], where: str) -> Group:
    return Group(
        key=_text(entry, "key", where), name=_text(entry, "name", where),
        icon=_text(entry, "icon", where), colour=_text(entry, "colour", where),
        limit=_limit(entry, where), limit_source=str(entry.get("limit_source", "")),
    )  # fmt: skip


def _category(entry: Mapping[str, Any], groups: Mapping[str, Group], where: str) -> Category:
    code = _text(entry, "code", where)
    where = f"{where}（{code}）"
    group = _text(entry, "group", where)
    if group not in groups:
        raise CwmapError(f'{where}的 group = "{group}" 不是已有的分组；可用：{"、".join(groups)}。')
    return Category(
        code=code, name=_text(entry, "name", where), group=group,
        limit=_limit(entry, where) if "limit" in entry else groups[group].limit,
        aliases=tuple(str(alias) for alias in entry.get("aliases", [])),
        gbt30428=str(entry.get("gbt30428", "")), cjt214=str(entry.get("cjt214", "")),
    )  # fmt: skip


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CwmapError(f"{where}缺少 {key}；请补上文字。")
    return value


def _limit(entry: Mapping[str, Any], where: str) -> Limit:
    try:
        return Limit.parse(_text(entry, "limit", where))
    except CwmapError as error:
        raise CwmapError(f"{where}：{error}") from error
