"""A mock inspection (模拟检查): places drawn as the national inspection draws them, with a seed.

Sample sizes are data: data/norms/sampling.toml, or a workspace's own copy in `rules`. What is not
known there is said, never made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwmap import rulefile
from cwmap.assessment.scoring import KINDS
from cwmap.assessment.visits import located
from cwmap.errors import CwmapError
from cwmap.rulefile import Entry
from cwmap.tables import LANE_KIND
from cwmap.town import Town

FILE = "sampling.toml"
NAME = "抽样规则"
COLUMNS = ("order", "class", "label", "id", "name", "community_id", "community")


@dataclass(frozen=True)
class Stratum:
    """A class of places (抽样类别). of: lanes, units, communities or streets (街道办).

    sizes: how many, by size of the city; None where no source states it.
    """

    key: str
    name: str
    of: str
    kinds: tuple[str, ...]
    sizes: tuple[int, ...] | None


@dataclass(frozen=True)
class Sizes:
    """Sample sizes. cities: name and limit of residents (inf for the last), small ones first.

    places, sanitation: of the whole inspection and of its part 市容环境卫生, by size of the city.
    verified: whether the numbers were checked against the official text.
    """

    source: str
    verified: bool
    cities: tuple[tuple[str, float], ...]
    places: tuple[int, ...]
    sanitation: tuple[int, ...]
    strata: tuple[Stratum, ...]


@dataclass(frozen=True)
class Sample:
    """What was drawn: `COLUMNS`, in the order of the strata. notes: what to know, in sentences."""

    city: str
    seed: int
    frame: pd.DataFrame
    notes: tuple[str, ...]


def load(workspace: Path | None = None) -> Sizes:
    """The sizes of a workspace folder: its own, else the shipped ones. CwmapError names the line."""
    return _sizes(*rulefile.read(NAME, FILE, workspace))


def check(text: str) -> Sizes:
    """Sizes from a text; CwmapError names the line and what to do."""
    return _sizes(NAME, text)


def save(workspace: Path, text: str) -> Sizes:
    """Check and store a workspace's own sizes; the version before is kept in `rules/history`."""
    sizes = check(text)
    rulefile.write(FILE, workspace, text)
    return sizes


def draw(
    town: Town, sizes: Sizes, seed: int, residents: int | None = None,
    own: Mapping[str, int] | None = None,
) -> Sample:  # fmt: skip
    """Draw a mock inspection; the same seed and town give the same places.

    residents: of the built-up area, else those of the town's population. own: sizes that the office
    sets itself, by key of a stratum; they win. Within a stratum places are listed by community and
    every k-th is taken from a random start, so that the sample is spread over the town and each
    place is as likely as another. CwmapError for an unknown stratum, or where the residents are
    neither given nor known.
    """
    own = dict(own or {})
    unknown = sorted(set(own) - {s.key for s in sizes.strata})
    if unknown:
        known = "、".join(s.key for s in sizes.strata)
        raise CwmapError(f"没有抽样类别“{unknown[0]}”；可用：{known}。")
    if seed < 0 or min(own.values(), default=0) < 0:
        raise CwmapError("随机种子和自定的抽样数不能为负；请改正。")
    at = _city(town, sizes, residents)
    drawn: list[pd.DataFrame] = []
    notes = [f"抽样数来源：{sizes.source}{'' if sizes.verified else '（未与正式文本核对）'}。"]
    without: list[str] = []
    for k, stratum in enumerate(sizes.strata):
        wanted = own.get(stratum.key, stratum.sizes[at] if stratum.sizes else None)
        if wanted is None:
            without.append(stratum.name)
            continue
        there = _places(town, stratum)
        if len(there) < wanted:
            notes.append(
                f"{stratum.name}应抽 {wanted} 处，全镇"
                + (f"只有 {len(there)} 处，已全部列入" if len(there) else "没有登记")
                + f"，缺 {wanted - len(there)} 处。"
            )
        drawn.append(_take(there, min(wanted, len(there)), np.random.default_rng([seed, k])))
    frame = pd.concat([d for d in drawn if len(d)] or [_empty()], ignore_index=True)
    frame.insert(0, "order", np.arange(1, len(frame) + 1))
    if any(s.of == "lanes" for s in sizes.strata):
        notes.append("道路按台账里的路段抽取；同一条路的两段可能同时抽中。")
    notes.append(_rest(sizes, at, len(frame)))
    if without:
        notes.append(
            f"没有查到抽样数、也没有自定的类别：{'、'.join(without)}；没有抽取，请自定数量。"
        )
    return Sample(sizes.cities[at][0], seed, frame[list(COLUMNS)], tuple(notes))


def _city(town: Town, sizes: Sizes, residents: int | None) -> int:
    people = town.layers["population"]["residents"]
    number = residents if residents is not None else int(people.sum())
    if number <= 0:
        raise CwmapError("不知道城区人口，无法确定抽样数；请填写人口数或导入人口表。")
    return next(n for n, (_, below) in enumerate(sizes.cities) if number < below)


def _rest(sizes: Sizes, at: int, drawn: int) -> str:
    total, part = sizes.places[at], sizes.sanitation[at]
    left = total - drawn
    return (
        f"{sizes.cities[at][0]}城市共抽 {total} 处（其中市容环境卫生 {part} 处），本次抽 {drawn} 处；"
        + (f"其余 {left} 处分到哪些类别没有查到，未列入。" if left > 0 else "已不少于总数。")
    )


def _places(town: Town, stratum: Stratum) -> pd.DataFrame:
    """All places of a stratum by community and id: class, label, id, name, community_id, community."""
    communities = town.layers["communities"]
    if stratum.of == "streets":
        named = sorted(set(communities["street"].dropna()))
        ids, names, homes = named, named, [None] * len(named)
    elif stratum.of == "communities":
        ids, names, homes = (
            list(communities.index),
            list(communities["name"]),
            list(communities.index),
        )
    else:
        frame = town.layers["lanes"] if stratum.of == "lanes" else located(town)
        mine = frame[frame["kind"].isin(stratum.kinds)]
        prefix = "lanes/" if stratum.of == "lanes" else ""
        ids = [f"{prefix}{i}" for i in mine.index]
        names, homes = list(mine["name"]), list(mine["community_id"])
    known = communities["name"].to_dict()
    frame = pd.DataFrame(
        {
            "class": stratum.key, "label": stratum.name, "id": ids, "name": names,
            "community_id": pd.Series(homes, dtype=object).where(pd.notna(homes), None),
        }
    )  # fmt: skip
    frame["community"] = [known.get(home) for home in frame["community_id"]]
    key = frame["community_id"].fillna("")
    return frame.iloc[np.lexsort((frame["id"], key))].reset_index(drop=True)


def _take(there: pd.DataFrame, number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Systematic sample (Cochran 1977, Sampling Techniques, chapter 8) of a fractional interval."""
    if not number:
        return there.iloc[:0]
    step = len(there) / number
    at = np.floor((rng.random() + np.arange(number)) * step).astype(int)
    return there.iloc[at]


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=list(COLUMNS[1:]), dtype=object)


def _sizes(name: str, text: str) -> Sizes:
    top = rulefile.parse(name, text)
    cities = [_city_class(e) for e in top.entries("city")]
    limits = [below for _, below in cities]
    if not cities or limits != sorted(set(limits)) or limits[-1] != np.inf:
        top.fail("[[city]] 应按人口由小到大，最后一个不写 below；请改正。")
    total = top.entry("total")
    entries = top.entries("class")
    strata = tuple(_stratum(e, len(cities)) for e in entries)
    for n, stratum in enumerate(strata):
        if stratum.key in [s.key for s in strata[:n]]:
            entries[n].fail(f"抽样类别 {stratum.key} 重复；请改用别的 key。", "key")
    sizes = Sizes(
        top.text("source"), top.flag("verified"), tuple(cities),
        _counts(total, "places", len(cities)), _counts(total, "sanitation", len(cities)), strata,
    )  # fmt: skip
    total.done()
    top.done()
    return sizes


def _city_class(entry: Entry) -> tuple[str, float]:
    below = entry.number("below", 1, 1e9) if entry.has("below") else np.inf
    city = entry.text("name"), float(below)
    entry.done()
    return city


def _counts(entry: Entry, key: str, cities: int) -> tuple[int, ...]:
    values = entry.numbers(key, 0, 10_000)
    if len(values) != cities or any(v != int(v) for v in values):
        entry.fail(f"{key} 应有 {cities} 个整数，与 [[city]] 一一对应；请改正。", key)
    return tuple(int(v) for v in values)


def _stratum(entry: Entry, cities: int) -> Stratum:
    of = entry.choice("of", ("lanes", "units", "communities", "streets"))
    known = {"lanes": tuple(LANE_KIND.choices), "units": KINDS}.get(of, ())
    kinds = entry.words("kinds", known)
    if known and not kinds:
        entry.fail("kinds 不能为空；请写明包括哪些类型。", "kinds")
    sizes = _counts(entry, "sizes", cities) if entry.has("sizes") else None
    stratum = Stratum(entry.text("key"), entry.text("name"), of, kinds, sizes)
    entry.done()
    return stratum
