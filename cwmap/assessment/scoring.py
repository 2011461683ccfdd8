"""The rules of assessment (考核细则): categories of 100 points, their parts, items and red lines.

Rules are data: data/norms/assessment.toml, or a workspace's own copy of it. Sources and formulas:
docs/assessment.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cwmap import rulefile
from cwmap.norms import Categories
from cwmap.rulefile import Entry
from cwmap.tables import INSPECTIONS, UNIT_KIND, normalise

FILE = "assessment.toml"
NAME = "考核细则"
LEVELS = tuple(INSPECTIONS["level"].choices)
KINDS = tuple(UNIT_KIND.choices)
FULL = 100.0
BONUS = "加分项"


@dataclass(frozen=True)
class Item:
    """One item (扣分项目). each: points a finding, taken off, or added by a bonus.

    cap, part_cap: the most that the item, and all items of its part, come to.
    red_line: the score that a visit with this finding cannot exceed, None for most.
    reports: codes of the report categories that count as this item.
    """

    code: str
    name: str
    part: str
    part_cap: float
    each: float
    cap: float
    red_line: float | None
    aliases: tuple[str, ...]
    reports: tuple[str, ...]
    source: str
    bonus: bool = False


@dataclass(frozen=True)
class Sheet:
    """One category (考核类别) of `FULL` points. parts: name → most points that it can cost.

    The bonus items are the part `BONUS`. weight: its share in the town's score.
    """

    key: str
    name: str
    kinds: tuple[str, ...]
    weight: float
    source: str
    parts: dict[str, float]
    items: tuple[Item, ...]

    @cached_property
    def words(self) -> dict[str, Item]:
        """Every text that means an item, normalised."""
        return {normalise(w): i for i in self.items for w in (i.code, i.name, *i.aliases)}

    @cached_property
    def of_report(self) -> dict[str, Item]:
        """Report category code → the item that it counts as."""
        return {code: item for item in self.items for code in item.reports}


@dataclass(frozen=True)
class Listing:
    """Who is named on a list: so many `places` of a group, with `score` and `visits` at least."""

    places: int
    score: float
    visits: int


@dataclass(frozen=True)
class Rules:
    """All rules in force. version: of the text they were read from.

    levels: weight of a visit by its level. length_m: limits between the classes of length.
    patrol: sources whose reports are findings of a visit on the same day. group: a group of fewer
    ranked units names nobody on the lists `red` and `black`.
    """

    name: str
    source: str
    version: str
    sheets: tuple[Sheet, ...]
    levels: dict[str, float]
    length_m: tuple[float, ...]
    patrol: tuple[str, ...]
    red: Listing
    black: Listing
    group: int

    @cached_property
    def of_kind(self) -> dict[str, Sheet]:
        """Kind of unit → the category that it is assessed by."""
        return {kind: sheet for sheet in self.sheets for kind in sheet.kinds}

    @cached_property
    def items(self) -> dict[str, Item]:
        """Item code → item."""
        return {item.code: item for sheet in self.sheets for item in sheet.items}

    def find(self, kind: str, text: str, categories: Categories) -> Item | None:
        """The item that a text means for a unit of this kind: code, name, alias, or a report category."""
        sheet = self.of_kind[kind]
        found = sheet.words.get(normalise(text))
        if found is None:
            code = categories.find(text)
            found = sheet.of_report.get(code) if code else None
        return found

    def length_class(self, kind: str, length_m: float) -> str:
        """Units that are compared with one another: the kind, of lanes and streets also the length."""
        label = UNIT_KIND.shown(kind)
        if kind not in ("lane", "street") or not np.isfinite(length_m) or not self.length_m:
            return label
        at = int(np.searchsorted(self.length_m, length_m, side="right"))
        limits = [f"{m:g}" for m in self.length_m]
        if at == 0:
            return f"{label}·{limits[0]} 米以下"
        if at == len(limits):
            return f"{label}·{limits[-1]} 米以上"
        return f"{label}·{limits[at - 1]}—{limits[at]} 米"


def load(workspace: Path | None = None, categories: Categories | None = None) -> Rules:
    """The rules of a workspace folder: its own, else the shipped ones. CwmapError as `check`.

    categories: the town's, so that its own report categories count too; else the shipped ones.
    """
    return _rules(*rulefile.read(NAME, FILE, workspace), categories)


def text(workspace: Path | None = None) -> str:
    """The rules as they are written, for an editor."""
    return rulefile.read(NAME, FILE, workspace)[1]


def check(text: str, categories: Categories | None = None) -> Rules:
    """Rules from a text; CwmapError names the line and what to do."""
    return _rules(NAME, text, categories)


def save(workspace: Path, text: str, categories: Categories | None = None) -> Rules:
    """Check and store a workspace's own rules; the version before is kept in `rules/history`."""
    rules = check(text, categories)
    rulefile.write(FILE, workspace, text)
    return rules


def _rules(name: str, text: str, categories: Categories | None = None) -> Rules:
    top = rulefile.parse(name, text)
    categories = categories or Categories.load()
    sheets = [_sheet(entry, categories) for entry in top.entries("category")]
    _check_sheets(top, sheets)
    levels = top.entry("levels")
    for level in levels:
        if level not in LEVELS:
            levels.fail(f"不认识检查方式“{level}”；可用：{'、'.join(LEVELS)}。", level)
    weights = {level: levels.number(level, 0.01, 100, 1.0) for level in LEVELS}
    patrol, compare, lists = top.entry("patrol"), top.entry("compare"), top.entry("lists")
    length_m = compare.numbers("length_m", 1, 100_000)
    if list(length_m) != sorted(set(length_m)):
        compare.fail("length_m 应由小到大、不重复；请改正。", "length_m")
    rules = Rules(
        name=top.text("name"), source=top.text("source"), version=rulefile.version(text),
        sheets=tuple(sheets), levels=weights, length_m=length_m, patrol=patrol.words("sources"),
        red=_listing(lists.entry("red")), black=_listing(lists.entry("black")),
        group=int(lists.number("group", 1, 1000, 3, whole=True)),
    )  # fmt: skip
    if rules.black.score >= rules.red.score:
        lists.fail("黑榜的 score 应低于红榜的 score；请改正。", "black")
    for entry in (top, levels, patrol, compare, lists):
        entry.done()
    return rules


def _listing(entry: Entry) -> Listing:
    listing = Listing(
        int(entry.number("places", 0, 1000, whole=True)), entry.number("score", 0, FULL),
        int(entry.number("visits", 1, 1000, 1, whole=True)),
    )  # fmt: skip
    entry.done()
    return listing


def _check_sheets(top: Entry, sheets: list[Sheet]) -> None:
    entries = top.entries("category")
    if not sheets:
        top.fail("一个 [[category]] 也没有；请照随附的细则补上。")
    _once(entries, [(s.key,) for s in sheets], "key", "考核类别")
    _once(entries, [s.kinds for s in sheets], "kinds", "单元类型")
    codes: dict[str, str] = {}
    for entry, sheet in zip(entries, sheets, strict=True):
        for item, at in zip(sheet.items, _items(entry), strict=True):
            if item.code in codes:
                at.fail(f"编号 {item.code} 已用于“{codes[item.code]}”；请改用别的编号。", "code")
            codes[item.code] = f"{sheet.name}·{item.name}"
    missing = [k for k in KINDS if k not in {kind for s in sheets for kind in s.kinds}]
    if missing:
        labels = "、".join(f"{UNIT_KIND.shown(k)}（{k}）" for k in missing)
        top.fail(f"单元类型{labels}不属于任何考核类别；请写入某个 [[category]] 的 kinds。")
    total = sum(s.weight for s in sheets)
    if abs(total - 1) > 1e-6:
        entries[-1].fail(
            f"各类别的 weight 合计为 {total:g}，应为 1；请调整各类别的权重。", "weight"
        )


def _once(entries: list[Entry], values: list[tuple[str, ...]], key: str, what: str) -> None:
    seen: set[str] = set()
    for entry, words in zip(entries, values, strict=True):
        for word in words:
            if word in seen:
                entry.fail(f"{what}“{word}”出现了两次；请只保留一处。", key)
            seen.add(word)


def _items(sheet: Entry) -> Iterator[Entry]:
    """Entries of a category's items, parts first, as `Sheet.items` has them."""
    for part in sheet.entries("part"):
        yield from part.entries("items")
    yield from sheet.entries("bonus")


def _sheet(entry: Entry, categories: Categories) -> Sheet:
    source = entry.text("source")
    entry.number("points", FULL, FULL)  # written for readers; a category has always 100
    parts: dict[str, float] = {}
    items: list[Item] = []
    for part in entry.entries("part"):
        name, cap = part.text("name"), part.number("cap", 0.01, FULL)
        if name in (*parts, BONUS):
            part.fail(f"部分“{name}”出现了两次；请改名。", "name")
        parts[name] = cap
        mine = [_item(e, name, cap, source, categories) for e in part.entries("items")]
        if not mine:
            part.fail(f"部分“{name}”没有扣分项目；请在 items 里补上。", "items")
        items += mine
        part.done()
    total = sum(parts.values())
    if abs(total - FULL) > 1e-6:
        entry.fail(f"各部分的 cap 合计为 {total:g} 分，应为 {FULL:g} 分；请调整各部分。")
    parts[BONUS] = entry.number("bonus_cap", 0, FULL, 0)
    bonus = entry.entries("bonus")
    if bonus and not parts[BONUS]:
        entry.fail("有加分项，但 bonus_cap 为 0；请写明加分上限。", "bonus")
    items += [_item(e, BONUS, parts[BONUS], source, categories, bonus=True) for e in bonus]
    sheet = Sheet(
        entry.text("key"), entry.text("name"), entry.words("kinds", KINDS),
        entry.number("weight", 0, 1), source, parts, tuple(items),
    )  # fmt: skip
    entry.done()
    _check_words(entry, sheet)
    return sheet


def _check_words(entry: Entry, sheet: Sheet) -> None:
    """Within a category each text, and each report category, means one item."""
    owner: dict[str, Item] = {}
    counted: dict[str, Item] = {}
    for item, at in zip(sheet.items, _items(entry), strict=True):
        for word in (item.code, item.name, *item.aliases):
            other = owner.setdefault(normalise(word), item)
            if other is not item:
                at.fail(f"“{word}”已指“{other.name}”；请在其中一项改掉这个叫法。", "aliases")
        for code in item.reports:
            other = counted.setdefault(code, item)
            if other is not item:
                at.fail(f"问题类别 {code} 已计入“{other.name}”；请只计入一项。", "reports")


def _item(
    entry: Entry, part: str, most: float, source: str, categories: Categories, *, bonus: bool = False
) -> Item:  # fmt: skip
    cap = entry.number("cap", 0.01, FULL)
    if cap > most:
        entry.fail(f"项目的 cap（{cap:g}）高于所在部分的 {most:g} 分；请改小。", "cap")
    each = entry.number("each", 0.01, FULL)
    if each > cap:
        entry.fail(f"每处 {each:g} 分高于项目上限 {cap:g} 分；请改正其中一个。", "each")
    codes: list[str] = []
    for word in entry.words("reports"):
        group = categories.find_group(word)
        if word not in categories.codes and group is None:
            entry.fail(f"没有问题类别或分组“{word}”；请用类别代码或分组。", "reports")
        codes += [word] if word in categories.codes else [
            c.code for c in categories.codes.values() if group and c.group == group.key
        ]  # fmt: skip
    item = Item(
        entry.text("code"), entry.text("name"), part, most, each, cap,
        entry.number("red_line", 0, FULL - 1) if entry.has("red_line") else None,
        entry.words("aliases"), tuple(dict.fromkeys(codes)), entry.text("source", source), bonus,
    )  # fmt: skip
    entry.done()
    return item
