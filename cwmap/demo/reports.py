"""Reports of the demo town: 20,000 or a million of them, as real platforms have them.

Some have no coordinates but name a lane, few say no place at all, some lie beside their lane, some
are repeats of others; none is invalid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from cwmap.demo import causes
from cwmap.demo.causes import Calendar, Draws, Integers
from cwmap.demo.ground import ORIGIN, Array, to_world, transformer
from cwmap.demo.people import utc
from cwmap.demo.plan import Plan, source
from cwmap.norms import Categories

# Shares of all reports.
REPEATED, WITHOUT_PLACE, NAMED_ONLY, BESIDE = 0.016, 0.005, 0.03, 0.04
DATED, LEFT_LYING = 0.06, 0.018
CITIZENS = ["群众上报", "12345热线"]
STRETCHES, AREAS = 40, 25  # of a demo of 4,000 reports and more
STRETCH_CODES = ("06013", "06012", "09009", "08007", "L030", "06007")
AREA_CODES = ("09006", "09002", "09005", "09001")
NODES = 129

Words = NDArray[np.object_]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Spots:
    """Where on its lane each report lies: metres from the lane's beginning, and from the centre."""

    along: Array
    xy: Array


@dataclass(frozen=True)
class Told:
    """Reports in order of time, before they are put into words.

    minute: from the beginning of the first day. repeat: tells again what another report told.
    unplaced: says no place; named: has no coordinates, but names its lane.
    """

    drawn: Draws
    spots: Spots
    minute: Integers
    repeat: Mask
    unplaced: Mask
    named: Mask


def reports_frame(
    plan: Plan, count: int, days: int, rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Table `reports` in order of time, and the ground truth of what was planted."""
    facts = causes.facts()
    when = causes.calendar(days, rng)
    told = _told(plan, facts, when, count, rng)
    shapes, drawn = _shapes(plan, told, rng)
    frame = _frame(plan, facts, when, told, shapes, rng)
    return frame, {
        "clusters": causes.truth(plan, facts, when, told.drawn, told.spots.xy),
        "repeated": int(told.repeat.sum()),
        "without_coordinates": int(told.named.sum()),
        "without_place": int(told.unplaced.sum()),
        **{name: frame["report_id"].iloc[rows].tolist() for name, rows in drawn.items()},
    }


def _told(
    plan: Plan, facts: dict[str, Any], when: Calendar, count: int, rng: np.random.Generator
) -> Told:
    again = round(REPEATED * count)
    drawn = causes.draws(plan, facts, when, count - again, rng)
    spots = _spots(plan, drawn, rng)
    minute = drawn.day * 1440 + _minutes(facts, drawn, rng)
    pick = np.r_[np.arange(count - again), rng.choice(count - again, again, replace=False)]
    repeat = np.arange(count) >= count - again
    later = rng.integers(20, 1200, count) * repeat
    minute = np.minimum(minute[pick] + later, len(when.days) * 1440 - 1)
    order = np.argsort(minute, kind="stable")
    pick, repeat = pick[order], repeat[order]
    chance = rng.random(count)
    unplaced = chance < WITHOUT_PLACE
    named = ~unplaced & (chance < WITHOUT_PLACE + NAMED_ONLY)
    xy = spots.xy[pick] + rng.normal(0, 3, (count, 2)) * repeat[:, None]
    xy[unplaced | named] = np.nan
    drawn = Draws(
        drawn.codes, drawn.lane[pick], drawn.category[pick], drawn.day[pick], drawn.cause[pick]
    )
    return Told(drawn, Spots(spots.along[pick], xy), minute[order], repeat, unplaced, named)


def _spots(plan: Plan, drawn: Draws, rng: np.random.Generator) -> Spots:
    """Places along the lanes; half of the reports gather at a few spots of each lane."""
    lanes = plan.lanes
    ends = np.array([_free(e.axis, e.shape) for e in lanes])
    steps = np.linspace(0, 1, NODES)
    metres = ends[:, :1] + steps * (ends[:, 1:] - ends[:, :1])
    axes = np.array([e.axis for e in lanes], object)
    nodes = shapely.get_coordinates(shapely.line_interpolate_point(axes[:, None], metres))
    nodes = nodes.reshape(len(lanes), NODES, 2)
    size = ends[:, 1] - ends[:, 0]
    n = len(drawn.lane)
    gather = rng.random((len(lanes), 4))[drawn.lane, rng.integers(0, 4, n)]
    share = np.where(
        rng.random(n) < 0.5, gather + rng.normal(0, 9, n) / size[drawn.lane], rng.random(n)
    )
    share = np.clip(share, 0.005, 0.995)
    node = np.minimum((share * (NODES - 1)).astype(int), NODES - 2)
    here, ahead = nodes[drawn.lane, node], nodes[drawn.lane, node + 1]
    xy = here + (ahead - here) * (share * (NODES - 1) - node)[:, None]
    way = ahead - here
    way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    half = np.array([e.width_m / 2 for e in lanes])[drawn.lane]
    beside = rng.random(n) < BESIDE
    out = np.where(beside, half + rng.uniform(5, 25, n), half * rng.uniform(0.1, 0.85, n))
    out *= rng.choice([-1.0, 1.0], n)
    xy += np.column_stack([-way[:, 1], way[:, 0]]) * out[:, None]
    return Spots(ends[drawn.lane, 0] + share * size[drawn.lane], xy)


def _free(axis: Any, shape: Any) -> tuple[float, float]:
    """From where to where along its axis a lane is its own, not a wider street's."""
    inside = shapely.get_coordinates(axis.intersection(shape))
    met = [axis.project(shapely.Point(p)) for p in inside]
    return (min(met) + 0.5, max(met) - 0.5) if met else (0.0, axis.length)


def _minutes(facts: dict[str, Any], drawn: Draws, rng: np.random.Generator) -> Integers:
    """Minute of the day of each report, by the hours of its category or cause."""
    rows = [*facts["category"], *facts["cause"]]
    kind = np.where(drawn.cause >= 0, len(facts["category"]) + drawn.cause, drawn.category)
    hour = np.zeros(len(kind), np.int64)
    for name, weight in facts["hours"].items():
        mine = np.isin(kind, [k for k, row in enumerate(rows) if row["hours"] == name])
        total = np.cumsum(weight)
        hour[mine] = np.searchsorted(total, rng.random(int(mine.sum())) * total[-1], side="right")
    return np.asarray(hour * 60 + rng.integers(0, 60, len(kind)))


def _frame(
    plan: Plan, facts: dict[str, Any], when: Calendar, told: Told, shapes: Words, rng: np.random.Generator
) -> gpd.GeoDataFrame:  # fmt: skip
    count, drawn, where = len(told.minute), told.drawn, told.drawn.lane
    begin = when.days[0].to_datetime64()
    lane = np.array([e.name for e in plan.lanes], object)[where]
    lane[told.unplaced] = "城区"
    number = _number(told.spots, rng)
    sources = np.array(list(facts["sources"]), object)
    asked = rng.choice(sources, count, p=list(facts["sources"].values()))
    asked[told.repeat] = rng.choice(CITIZENS, int(told.repeat.sum()))
    by_name = told.named | (~told.unplaced & (rng.random(count) < 0.7))
    by_village = told.named | (~told.unplaced & (rng.random(count) < 0.85))
    villages = plan.communities.iloc[plan.lane_owner[where]]
    progress = _progress(told, len(when.days) * 1440, rng)
    due, closed = (begin + m.astype("timedelta64[m]") for m in (progress.due, progress.closed))
    never = np.datetime64("NaT")
    reporter, phone = _reporter(asked, rng)
    ends = np.array(["号门前", "号附近", "号院旁", "号对面"], object)[rng.integers(0, 4, count)]
    return gpd.GeoDataFrame(
        {
            "report_id": _identifiers(when, told.minute // 1440),
            "category": np.array(drawn.codes, object)[drawn.category],
            "reported_at": utc(begin + told.minute.astype("timedelta64[m]")).to_numpy(),
            "status": progress.status,
            "due_at": utc(np.where(rng.random(count) < DATED, due, never)).to_numpy(),
            "closed_at": utc(np.where(progress.done, closed, never)).to_numpy(),
            "lane_name": _only(by_name, lane),
            "address": np.where(told.unplaced, "位置不详", lane + number + ends),
            "street": _only(by_village, villages["street"].to_numpy(object)),
            "community": _only(by_village, villages["name"].to_numpy(object)),
            "description": _words(facts, drawn, lane, number, rng),
            "source": asked,
            "department": np.array([r["dept"] for r in facts["category"]], object)[drawn.category],
            "reporter": reporter,
            "phone": phone,
            "photo": np.full(count, None, object),
        },
        geometry=shapes,
        crs="EPSG:4326",
    )


def _only(mask: Mask, values: Words) -> Words:
    """Values where the mask holds, None elsewhere."""
    kept = values.copy()
    kept[~mask] = None
    return kept


def _identifiers(when: Calendar, day: Integers) -> Words:
    """Numbers that run through each day: W2026030100123."""
    start = np.r_[0, np.flatnonzero(np.diff(day)) + 1]
    serial = np.arange(len(day)) - np.repeat(start, np.diff(np.r_[start, len(day)]))
    stamps = np.array([f"W{d:%Y%m%d}" for d in when.days], object)
    serials = np.array([f"{n + 1:05d}" for n in range(int(serial.max()) + 1)], object)
    numbers: Words = stamps[day] + serials[serial]
    return numbers


def _number(spots: Spots, rng: np.random.Generator) -> Words:
    """House numbers grow along a lane, odd on one side and even on the other."""
    number = (spots.along / 7).astype(int) * 2 + rng.integers(1, 3, len(spots.along))
    return np.array([str(n) for n in range(int(number.max()) + 1)], object)[number]


def _words(
    facts: dict[str, Any], drawn: Draws, lane: Words, number: Words, rng: np.random.Generator
) -> Words:
    """Descriptions: a phrase of the category with lane, number and a quantity filled in."""
    quantity = np.array([str(n) for n in range(13)], object)[rng.integers(1, 13, len(lane))]
    filled = {"lane": lane, "n": number, "m": quantity}
    chance = rng.random(len(lane))
    text = np.empty(len(lane), object)
    for c, row in enumerate(facts["category"]):
        mine = np.flatnonzero(drawn.category == c)
        phrase = (chance[mine] * len(row["words"])).astype(int)
        for k, form in enumerate(row["words"]):
            at = mine[phrase == k]
            words: Any = np.full(len(at), "", object)
            for part in form.replace("{", "\0{").replace("}", "\0").split("\0"):
                words = words + (filled[part[1:]][at] if part.startswith("{") else part)
            text[at] = words
    return text


@dataclass(frozen=True)
class _Progress:
    """How far each report has come: status, and the minutes when it is due and was dealt with."""

    status: Words
    due: Integers
    closed: Integers
    done: Mask


def _progress(told: Told, end: int, rng: np.random.Generator) -> _Progress:
    """Old reports are verified, recent ones open, assigned or fixed, some are left lying."""
    count, minute, norms = len(told.minute), told.minute, Categories.load()
    limit = np.array([norms.limit_h(c) for c in told.drawn.codes])[told.drawn.category] * 60
    slow = rng.lognormal(0, 0.4, int(told.drawn.lane.max()) + 1)[told.drawn.lane]
    closed = minute + limit * rng.lognormal(np.log(0.42), 0.85, count) * slow
    checked = closed + 60 * rng.lognormal(np.log(20), 0.8, count)
    left = rng.random(count) < LEFT_LYING
    fresh = end - minute < 60 * rng.lognormal(np.log(7), 0.8, count)
    status = np.where(fresh | (left & (rng.random(count) < 0.4)), "open", "assigned").astype(object)
    status[(closed < end) & ~left] = "fixed"
    status[(checked < end) & ~left] = "verified"
    refused = told.repeat | (rng.random(count) < 0.005)
    status[refused & (end - minute > 1440)] = "rejected"
    done = (status == "fixed") | (status == "verified")
    return _Progress(status, (minute + limit).astype(np.int64), closed.astype(np.int64), done)


def _reporter(asked: Words, rng: np.random.Generator) -> tuple[Words, Words]:
    """Who reported: collectors by 某某, citizens by 先生 and 女士; made-up numbers for the latter."""
    surnames = np.array(source("names")["people"]["surnames"], object)
    count = len(asked)
    which = np.minimum((len(surnames) * rng.random(count) ** 1.8).astype(int), len(surnames) - 1)
    citizen = np.isin(asked, CITIZENS)
    title = np.where(citizen, rng.choice(["先生", "女士"], count), "某某").astype(object)
    known = (asked == "巡查") | (citizen & (rng.random(count) < 0.6))
    phones = np.array([f"138000{n:05d}" for n in range(10_000, 100_000)], object)
    phone = _only(citizen & known, phones[rng.integers(0, len(phones), count)])
    return _only(known, surnames[which] + title), phone


def _shapes(plan: Plan, told: Told, rng: np.random.Generator) -> tuple[Words, dict[str, Integers]]:
    """Points in EPSG:4326, None where not said; some are a stretch of their lane, or an area of it.

    Also the positions of the `stretches` and `areas`.
    """
    xy, lane = told.spots.xy, told.drawn.lane
    lon, lat = transformer().transform(*(xy + ORIGIN).T)
    shapes = shapely.points(np.round(np.column_stack([lon, lat]), 7))
    shapes[np.isnan(xy[:, 0])] = None
    code = np.array(told.drawn.codes, object)[told.drawn.category]
    wide = np.array([e.width_m >= 9 and "桥" not in e.name for e in plan.lanes])[lane]
    free = ~np.isnan(xy[:, 0]) & ~told.repeat & wide
    chosen: dict[str, Integers] = {}
    for name, wanted, codes, reach in (
        ("stretches", STRETCHES, STRETCH_CODES, (20.0, 70.0)),
        ("areas", AREAS, AREA_CODES, (12.0, 35.0)),
    ):
        likely = np.flatnonzero(free & np.isin(code, codes))
        number = min(wanted, len(xy) // 100, len(likely))
        chosen[name] = np.sort(rng.choice(likely, number, replace=False))
        for row, far in zip(chosen[name], rng.uniform(*reach, number), strict=True):
            entry, at = plan.lanes[lane[row]], told.spots.along[row]
            part = substring(entry.axis, max(at - far, 0), at + far)
            if name == "areas":
                part = part.buffer(entry.width_m * 0.42, cap_style="flat").intersection(entry.shape)
            shapes[row] = to_world([part])[0]
    return shapes, chosen
