"""Where two kinds of problems crowd together (叠加热点): stalls and missing bins, say.

A unit counts if both kinds are hot there: the p of "both" is the larger of the two (an
intersection–union test, Berger 1982), which never claims more than the weaker of the two does. It
says that both are high at one place, not that one brings about the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import UNIT_WORDS, USUAL, Hotspots, Method, hotspots, merged, neighbours
from cwmap.trends.spots import spot_name
from geo.hotspots import benjamini_hochberg, classify

WHERE = {
    "both": "两类都集中",
    "first": "只有前一类集中",
    "second": "只有后一类集中",
    "none": "都不集中",
}


@dataclass(frozen=True)
class Shared:
    """Touching units where both kinds are hot; reports of each there."""

    name: str
    unit_ids: tuple[str, ...]
    first: int
    second: int


@dataclass(frozen=True)
class Together:
    """The units, in the town's order, and the two hot spot maps that they come from.

    units: first, second (reports); p, q of both being hot; both: hot99, hot95, hot90 or none;
    where: one of WHERE, by `both` and by what each kind's own map confirms. None and NaN where
    nothing can be told: `refused` says why. shared: the places of both, the one with most reports
    first.
    """

    names: tuple[str, str]
    found: tuple[Hotspots, Hotspots]
    units: pd.DataFrame
    shared: tuple[Shared, ...]
    sentence: str
    caption: str
    refused: str = ""


def together(
    town: Town, question: Filter, first: str, second: str, method: Method = USUAL
) -> Together:
    """Units where two categories (codes, names or groups) are both hot, by shuffling.

    The filter's own categories and places are not looked at. `UnknownName` for a category that does
    not exist.
    """
    names = kind_name(town, first), kind_name(town, second)
    positions = [set(town.category_positions((word,))) for word in (first, second)]
    if positions[0] & positions[1]:
        raise CwmapError(f"“{names[0]}”和“{names[1]}”有相同的类别；请选两类不同的问题。")
    one, two = (
        hotspots(town, replace(question, category=(word,)), method) for word in (first, second)
    )
    units = pd.DataFrame(
        {
            "first": one.units["reports"], "second": two.units["reports"], "p": np.nan, "q": np.nan,
            "both": None, "where": None,
        }
    ).astype({"both": object, "where": object})  # fmt: skip
    caption = f"两类都为热点的{UNIT_WORDS[method.units][1]}：p 取两者中较大的（交并检验），再校正。{one.caption}"
    refused = "；".join(
        f"{name}：{found.refused}"
        for name, found in zip(names, (one, two), strict=True)
        if found.refused
    )
    if refused:
        return Together(names, (one, two), units, (), f"{refused}。", caption, refused)
    p = np.maximum(_hot_p(one), _hot_p(two))
    q = benjamini_hochberg(p)
    both = classify(np.ones(len(p)), q if method.fdr else p).astype(object)
    where = np.select([both != "none", _hot(one), _hot(two)], ["both", "first", "second"], "none")
    units = units.assign(p=p, q=q, both=both, where=where.astype(object))
    return Together(
        names, (one, two), units, _shared(town, (one, two), units, method),
        _sentence(names, (one, two), units, method), caption,
    )  # fmt: skip


def kind_name(town: Town, word: str) -> str:
    """What a category, or a group of them, is called; `UnknownName` where there is none."""
    town.category_positions((word,))
    group = town.categories.find_group(word)
    return group.name if group else town.categories.name(town.categories.find(word) or word)


def _hot_p(found: Hotspots) -> npt.NDArray[np.float64]:
    """p of being hot: 1 where there is less than on average."""
    hot = found.units["gi_z"] > 0
    return np.where(hot, found.units["gi_p_permuted"], 1.0)


def _hot(found: Hotspots) -> npt.NDArray[np.bool_]:
    return np.asarray(found.units["confirmed"].str.startswith("hot"), bool)


def _shared(
    town: Town, found: tuple[Hotspots, Hotspots], units: pd.DataFrame, method: Method
) -> tuple[Shared, ...]:
    number = merged((units["where"] == "both").to_numpy(), neighbours(town, method))
    mine = np.concatenate([town.selected(town.view(one.question)) for one in found])
    there = number[town.reports.place[method.units][mine]]
    there[town.reports.place[method.units][mine] < 0] = -1
    places = []
    for k in range(int(number.max(initial=-1)) + 1):
        ids = units.index[number == k]
        counts = units.loc[ids, ["first", "second"]].sum()
        name = spot_name(town, mine[there == k], method.units, str(ids[0]))
        places.append(Shared(name, tuple(ids), int(counts["first"]), int(counts["second"])))
    return tuple(sorted(places, key=lambda place: -place.first - place.second))


def _sentence(
    names: tuple[str, str], found: tuple[Hotspots, Hotspots], units: pd.DataFrame, method: Method
) -> str:
    each, unit = UNIT_WORDS[method.units]
    hot = [int(_hot(f).sum()) for f in found]
    shared = units[units["both"] != "none"]
    by_chance = hot[0] * hot[1] / len(units)
    facts = (
        f"{names[0]} {units['first'].sum():,} 件、热点 {hot[0]} {each}{unit}；"
        f"{names[1]} {units['second'].sum():,} 件、热点 {hot[1]} {each}{unit}"
    )
    corrected = "已作多重检验校正" if method.fdr else "未作多重检验校正"
    facts += f"（Gi*，置换检验，{corrected}，90% 以上置信）"
    if shared.empty:
        return f"没有两类都明显偏多的{unit}：{facts}。"
    return (
        f"两类都明显偏多的有 {len(shared)} {each}{unit}（若互不相干约 {by_chance:.1f} {each}），"
        f"其中{names[0]} {shared['first'].sum():,} 件、{names[1]} {shared['second'].sum():,} 件；{facts}。"
    )
