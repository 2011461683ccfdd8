"""Where to look again (复查、回头看), as a route with reasons; and the demonstration points (样板).

Formula of the priority: docs/assessment.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats

from cwmap.assessment import fairness
from cwmap.assessment.assessment import ranked
from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import Visits, between, places, visits
from cwmap.errors import CwmapError, UnknownName
from cwmap.tables import UNIT_KIND, normalise
from cwmap.town import OPEN, Town
from cwmap.units import centres, find, units
from geo.coordinates import from_wgs84
from geo.route import legs, short_route

LOOK_BACK_DAYS = 90
"""How far back the scores are taken that the risk is made of."""

Floats = npt.NDArray[np.float64]

HEADERS = {
    "order": "顺序", "name": "检查对象", "kind": "类型", "community": "社区", "reasons": "为什么去",
    "last_visit": "上次检查", "last_score": "上次得分", "leg_m": "距上一站(米)", "priority": "优先度",
}  # fmt: skip
BLANKS = ("检查时间", "发现问题", "处数", "检查人")
"""Columns of the sheet that an inspector fills in."""


@dataclass(frozen=True)
class Weights:
    """How much risk, waiting and open reports count; cycle_days: after which waiting counts a half."""

    risk: float = 0.5
    wait: float = 0.3
    open: float = 0.2
    cycle_days: float = 30.0

    def __post_init__(self) -> None:
        parts = (self.risk, self.wait, self.open)
        if min(parts) < 0 or self.risk + self.wait <= 0 or self.cycle_days <= 0:
            raise CwmapError("复查权重不能为负，风险和等待不能同时为 0，周期须大于 0 天；请改正。")


def plan(
    town: Town, rules: Rules, day: date, number: int, kinds: Iterable[str],
    start: tuple[float, float] | None = None, weights: Weights | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The units to look at on a day, in the order of a route.

    number: at most so many. kinds: kinds of units (三无小区, lane) and names or ids of single ones
    (滨河市场). start: longitude, latitude; else the middle of the town.

    Returns index unit: order (1, 2, …), name, kind, community, priority (0 to 1), reasons (in
    words), last_visit (date or None), days (since then), last_score, expected (shrunk score of the
    last 90 days), open (reports of a lane not yet dealt with, NaN elsewhere), leg_m, lon, lat.
    UnknownName for a word that is neither kind nor unit; units without a place are left out.
    """
    weights = weights or Weights()
    chosen = candidates(town, kinds)
    frame = _risk(town, rules, day, chosen, weights)
    at = centres(town).loc[frame.index]
    frame = frame.assign(lon=at["lon"], lat=at["lat"], _x=at["x"], _y=at["y"])
    frame = frame[np.isfinite(frame["_x"])]
    order = np.lexsort((frame.index, -frame["priority"], ~frame["_red"]))[:number]
    frame = frame.iloc[order]
    where = _start(town, start)
    frame = frame.iloc[short_route(frame["_x"], frame["_y"], where)]
    frame = frame.assign(
        order=np.arange(1, len(frame) + 1), leg_m=legs(frame["_x"], frame["_y"], where).round(1)
    )
    columns = (
        "order", "name", "kind", "community", "priority", "reasons", "last_visit", "days",
        "last_score", "expected", "open", "leg_m", "lon", "lat",
    )  # fmt: skip
    return frame[list(columns)]


def sheet(route: pd.DataFrame) -> pd.DataFrame:
    """A plan as a sheet to be printed and filled in, with Chinese headers."""
    shown = route.assign(
        kind=[UNIT_KIND.shown(k) for k in route["kind"]],
        priority=route["priority"].round(2), last_score=route["last_score"].round(1),
    )  # fmt: skip
    table = shown[list(HEADERS)].rename(columns=HEADERS).reset_index(drop=True)
    return table.assign(**dict.fromkeys(BLANKS, ""))


def candidates(town: Town, words: Iterable[str]) -> pd.Index:
    """Units of these kinds, or of these names or ids, in the order of `cwmap.units.units`."""
    frame = units(town)
    known = {
        normalise(word): kind
        for kind, aliases in UNIT_KIND.choices.items()
        for word in (kind, UNIT_KIND.shown(kind), *aliases)
    }
    chosen = np.zeros(len(frame), bool)
    for word in words:
        unit = find(town, pd.Series([word], dtype=object)).iloc[0]
        kind = known.get(normalise(word))
        if isinstance(unit, str):
            chosen |= np.asarray(frame.index == unit)
        elif kind:
            chosen |= (frame["kind"] == kind).to_numpy()
        else:
            labels = "、".join(UNIT_KIND.labels.values())
            raise UnknownName(
                f"没有“{word}”这个类型或单元；请用单元的编号、全名，或类型：{labels}。"
            )
    return frame.index[chosen]


def demonstrations(town: Town) -> pd.DataFrame:
    """Demonstration points: index unit; name, kind, community, photo_before, photo_after, lon, lat.

    Ordered by kind as `UNIT_KIND` has them, then by id. A photo that is not there is None.
    """
    layer = town.layers["units"]
    mine = layer[layer["demonstration"] == "yes"]
    ids = pd.Index([f"units/{i}" for i in mine.index], dtype=object, name="unit")
    at = centres(town).loc[ids]
    place = [list(UNIT_KIND.choices).index(kind) for kind in mine["kind"]]
    names = town.layers["communities"]["name"].to_dict()
    frame = pd.DataFrame(
        {
            "name": mine["name"].to_numpy(object), "kind": mine["kind"].to_numpy(object),
            "community": [names.get(c, c) for c in mine["community_id"]],
            **{c: mine[c].astype(object).where(mine[c].notna(), None).to_numpy()
               for c in ("photo_before", "photo_after")},
            "lon": at["lon"].to_numpy(), "lat": at["lat"].to_numpy(),
        },
        index=ids,
    )  # fmt: skip
    return frame.iloc[np.argsort(place, kind="stable")]


def _start(town: Town, start: tuple[float, float] | None) -> tuple[float, float]:
    west, south, east, north = town.bounds
    lon, lat = start or ((west + east) / 2, (south + north) / 2)
    x, y = from_wgs84(np.array([lon]), np.array([lat]), town.settings.crs)
    return float(x[0]), float(y[0])


def _risk(town: Town, rules: Rules, day: date, chosen: pd.Index, weights: Weights) -> pd.DataFrame:
    """The units with what makes their priority, and the reasons."""
    known = places(town, rules).loc[chosen]
    seen = visits(town, rules)
    last = _last(seen, day).reindex(chosen)
    days = (pd.Timestamp(day) - last["day"]).dt.days.to_numpy(float)
    first, eve = day - timedelta(days=LOOK_BACK_DAYS), day - timedelta(days=1)
    told = ranked(town, rules, between(seen, first, eve))
    shrunk, _ = fairness.posterior(told, fairness.scatter(seen, eve))
    # Where no unit was visited twice, the scores are all there is.
    told = told.assign(expected=np.where(np.isfinite(shrunk), shrunk, told["score"]))
    usual = told.groupby("kind")["expected"].mean()
    guess = told["expected"].reindex(chosen).fillna(known["kind"].map(usual))
    expected = guess.to_numpy(float)
    risk = _share(100 - expected)
    wait = np.where(np.isnan(days), 1.0, 1 - 0.5 ** (days / weights.cycle_days))
    number = _open(town, day).reindex(chosen).to_numpy(float)
    parts = np.array([risk, wait, _share(number)])
    heavy = np.array([[weights.risk], [weights.wait], [weights.open]]) * np.isfinite(parts)
    names = town.layers["communities"]["name"].to_dict()
    frame = pd.DataFrame(
        {
            "name": known["name"], "kind": known["kind"],
            "community": [names.get(c, c) for c in known["community_id"]],
            "priority": ((heavy * np.nan_to_num(parts)).sum(axis=0) / heavy.sum(axis=0)).round(4),
            "last_visit": [d.date() if pd.notna(d) else None for d in last["day"]], "days": days,
            "last_score": last["score"], "expected": expected, "open": number,
            "_red": last["red"].eq(True).to_numpy(),
        },
        index=chosen,
    )  # fmt: skip
    times = told["visits"].reindex(chosen)
    return frame.assign(reasons=[_reason(*row) for row in zip(
        frame["_red"], times, expected, risk, days, number, strict=True
    )])  # fmt: skip


def _last(seen: Visits, day: date) -> pd.DataFrame:
    """The last visit of each unit before a day: index unit; day, score, red."""
    before = seen.frame.iloc[: seen.frame["day"].searchsorted(pd.Timestamp(day))]
    before = before[before["unit"].notna()].drop_duplicates("unit", keep="last")
    return before.set_index("unit")[["day", "score", "red"]]


def _open(town: Town, day: date) -> pd.Series:
    """Reports up to a day that are not dealt with now, of each lane: index unit."""
    told, lanes = town.reports, town.layers["lanes"].index
    until = int(np.searchsorted(told.day, (day - told.first_day).days + 1))
    lane = told.place["lanes"][:until]
    mine = lane[np.isin(told.status[:until], OPEN) & (lane >= 0)]
    return pd.Series(np.bincount(mine, minlength=len(lanes)), [f"lanes/{i}" for i in lanes])


def _share(values: Floats) -> Floats:
    """Share of the known values that are not higher, ties at their middle; NaN stays."""
    share = np.full(len(values), np.nan)
    known = np.isfinite(values)
    share[known] = (scipy.stats.rankdata(values[known]) - 0.5) / max(known.sum(), 1)
    return share


def _reason(
    red: bool, visits: float, expected: float, risk: float, days: float, number: float
) -> str:
    words: Sequence[str] = [
        "上次检查触碰红线" if red else "",
        f"近 {LOOK_BACK_DAYS} 天检查 {visits:g} 次，估计 {expected:.1f} 分，比 {risk:.0%} 的候选差"
        if visits > 0
        else f"近 {LOOK_BACK_DAYS} 天没有检查",
        "从未检查" if np.isnan(days) else f"距上次检查 {days:g} 天",
        f"未处置问题 {number:g} 件" if number > 0 else "",
    ]
    return "；".join(word for word in words if word)
