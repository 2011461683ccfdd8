"""Reports of the demo town: 20,000 or a million of them, as real platforms have them.

Some have no coordinates but name a lane, few say no place at all, some lie beside their lane, some
are repeats of others; none is invalid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from cwmap.demo import causes
from cwmap.demo.causes import Calendar, Draws, Integers
from cwmap.demo.ground import CRS, ORIGIN, Array, to_world, transformer
from cwmap.demo.people import utc
from cwmap.demo.plan import Plan, source
from cwmap.norms import Categories

REPEATED, WITHOUT_PLACE, NAMED_ONLY, BESIDE = 0.016, 0.005, 0.03, 0.04
STRETCHES, AREAS = 40, 25
STRETCH_CODES = ("06013", "06012", "09009", "08007", "L030", "06007")
AREA_CODES = ("09006", "09002", "09005", "09001")
NODES = 129

Words = NDArray[np.object_]


@dataclass(frozen=True)
class Spots:
    """Where on its lane each report lies: metres from the lane's beginning, and from the centre."""

    along: Array
    xy: Array


def reports_frame(
    plan: Plan, count: int, days: int, rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Table `reports` in order of time, and the ground truth of what was planted."""
    facts = causes.facts()
    when = causes.calendar(days, rng)
    again = round(REPEATED * count)
    drawn = causes.draws(plan, facts, when, count - again, rng)
    spots = _spots(plan, drawn, rng)
    minute = drawn.day * 1440 + _minutes(facts, drawn, rng)
    first = rng.choice(count - again, again, replace=False)  # what is reported twice
    pick = np.r_[np.arange(count - again), first]
    repeat = np.arange(count) >= count - again
    late = rng.integers(20, 1200, count) * repeat
    minute = np.minimum(minute[pick] + late, days * 1440 - 1)
    order = np.lexsort((np.arange(count), minute))
    pick, repeat, minute = pick[order], repeat[order], minute[order]
    drawn = Draws(drawn.codes, drawn.lane[pick], drawn.category[pick], drawn.day[pick], drawn.cause[pick])
    spots = Spots(spots.along[pick], spots.xy[pick] + rng.normal(0, 3, (count, 2)) * repeat[:, None])
    chance = rng.random(count)
    unplaced = chance < WITHOUT_PLACE
    named = ~unplaced & (chance < WITHOUT_PLACE + NAMED_ONLY)
    spots.xy[unplaced | named] = np.nan
    frame = _frame(plan, facts, when, drawn, spots, minute, repeat, unplaced, named, rng)
    shaped = _shapes(plan, frame, drawn, spots, repeat, rng)
    planted = causes.truth(plan, facts, when, drawn, spots.xy)
    return frame, {
        "clusters": planted,
        "repeated": int(repeat.sum()),
        "without_coordinates": int(named.sum()),
        "without_place": int(unplaced.sum()),
        **shaped,
    }


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
    share = np.where(rng.random(n) < 0.5, gather + rng.normal(0, 9, n) / size[drawn.lane], rng.random(n))
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
    plan: Plan, facts: dict[str, Any], when: Calendar, drawn: Draws, spots: Spots, minute: Integers,
    repeat: NDArray[np.bool_], unplaced: NDArray[np.bool_], named: NDArray[np.bool_],
    rng: np.random.Generator,
) -> gpd.GeoDataFrame:  # fmt: skip
    count = len(minute)
    begin = when.days[0]
    reported = begin.to_datetime64() + minute.astype("timedelta64[m]")
    day = minute // 1440
    start = np.r_[0, np.flatnonzero(np.diff(day)) + 1]
    serial = np.arange(count) - np.repeat(start, np.diff(np.r_[start, count])) + 1
    stamp = np.array([f"W{d:%Y%m%d}" for d in when.days], object)[day]
    lane = np.array([e.name for e in plan.lanes], object)[drawn.lane]
    lane[unplaced] = "城区"
    number = _number(spots, rng)
    sources = list(facts["sources"])
    asked = rng.choice(len(sources), count, p=list(facts["sources"].values()))
    asked[repeat] = rng.choice([sources.index("群众上报"), sources.index("12345热线")], int(repeat.sum()))
    told = named | (~unplaced & (rng.random(count) < 0.7))
    spelled = named | (~unplaced & (rng.random(count) < 0.85))
    people = plan.communities.iloc[plan.lane_owner[drawn.lane]]
    times = _progress(drawn, minute, repeat, len(when.days) * 1440, rng)
    at = {k: begin.to_datetime64() + v.astype("timedelta64[m]") for k, v in times.minutes.items()}
    reporter, phone = _reporter(np.array(sources, object)[asked], rng)
    ends = np.array(["号门前", "号附近", "号院旁", "号对面"], object)[rng.integers(0, 4, count)]
    place = spots.xy.copy()
    lon, lat = transformer().transform(*(place + ORIGIN).T)
    points = shapely.points(np.round(np.column_stack([lon, lat]), 7))
    points[np.isnan(place[:, 0])] = None
    return gpd.GeoDataFrame(
        {
            "report_id": stamp + _padded(serial),
            "category": np.array(drawn.codes, object)[drawn.category],
            "reported_at": utc(reported).to_numpy(),
            "status": times.status,
            "due_at": utc(np.where(times.dated, at["due"], np.datetime64("NaT"))).to_numpy(),
            "closed_at": utc(np.where(times.closed, at["closed"], np.datetime64("NaT"))).to_numpy(),
            "lane_name": np.where(told, lane, None),
            "address": np.where(unplaced, "位置不详", lane + number + ends),
            "street": np.where(spelled, people["street"].to_numpy(object), None),
            "community": np.where(spelled, people["name"].to_numpy(object), None),
            "description": _words(facts, drawn, lane, number, rng),
            "source": np.array(sources, object)[asked],
            "department": np.array([r["dept"] for r in facts["category"]], object)[drawn.category],
            "reporter": reporter,
            "phone": phone,
            "photo": np.full(count, None, object),
        },
        geometry=points,
        crs="EPSG:4326",
    )


def _padded(serial: Integers) -> Words:
    table = np.array([f"{n:05d}" for n in range(int(serial.max()) + 1)], object)
    return table[serial]


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
    """How far each report has come at the end: status, and minutes when due and closed."""

    status: Words
    minutes: dict[str, Integers]
    dated: NDArray[np.bool_]
    closed: NDArray[np.bool_]


def _progress(
    drawn: Draws, minute: Integers, repeat: NDArray[np.bool_], end: int, rng: np.random.Generator
) -> _Progress:
    count = len(minute)
    norms = Categories.load()
    limit = np.array([norms.limit_h(code) for code in drawn.codes])[drawn.category] * 60
    lanes = int(drawn.lane.max()) + 1
    slow = rng.lognormal(0, 0.4, lanes)[drawn.lane]
    closed = minute + limit * rng.lognormal(np.log(0.42), 0.85, count) * slow
    checked = closed + 60 * rng.lognormal(np.log(20), 0.8, count)
    never = rng.random(count) < 0.018  # left lying, for the overdue list
    fixed, verified = (closed < end) & ~never, (checked < end) & ~never
    waiting = (end - minute < 60 * rng.lognormal(np.log(7), 0.8, count)) | (never & (rng.random(count) < 0.4))
    status = np.where(verified, "verified", np.where(fixed, "fixed", np.where(waiting, "open", "assigned")))
    refused = repeat | (rng.random(count) < 0.005)
    status[refused & (end - minute > 1440)] = "rejected"
    return _Progress(
        status.astype(object),
        {"due": (minute + limit).astype(np.int64), "closed": closed.astype(np.int64)},
        rng.random(count) < 0.06,
        np.isin(status, ["fixed", "verified"]),
    )


def _reporter(asked: Words, rng: np.random.Generator) -> tuple[Words, Words]:
    """Who reported: collectors by 某某, citizens by 先生 and 女士; made-up numbers for the latter."""
    surnames = np.array(source("names")["people"]["surnames"], object)
    count = len(asked)
    which = np.minimum((len(surnames) * rng.random(count) ** 1.8).astype(int), len(surnames) - 1)
    citizen = np.isin(asked, ["群众上报", "12345热线"])
    title = np.where(citizen, np.array(["先生", "女士"], object)[rng.integers(0, 2, count)], "某某")
    name = surnames[which] + title.astype(object)
    seen = np.isin(asked, ["巡查"]) | (citizen & (rng.random(count) < 0.6))
    table = np.array([f"138000{n:05d}" for n in range(10_000, 100_000)], object)
    phone = np.where(citizen & seen, table[rng.integers(0, len(table), count)], None)
    return np.where(seen, name, None), phone


def _shapes(
    plan: Plan, frame: gpd.GeoDataFrame, drawn: Draws, spots: Spots, repeat: NDArray[np.bool_],
    rng: np.random.Generator,
) -> dict[str, list[str]]:  # fmt: skip
    """Give some reports a stretch of their lane, or an area of it, instead of a point."""
    code, lanes = frame["category"].to_numpy(object), plan.lanes
    wide = np.array([e.width_m >= 9 and "桥" not in e.name for e in lanes])[drawn.lane]
    free = ~np.isnan(spots.xy[:, 0]) & ~repeat & wide
    shape = frame.geometry.to_numpy().copy()
    chosen: dict[str, list[str]] = {}
    for name, wanted, codes in (("stretches", STRETCHES, STRETCH_CODES), ("areas", AREAS, AREA_CODES)):
        likely = np.flatnonzero(free & np.isin(code, codes))
        number = min(wanted, len(frame) // 100, len(likely))
        rows = np.sort(rng.choice(likely, number, replace=False))
        for row in rows:
            lane = lanes[drawn.lane[row]]
            reach = rng.uniform(20, 70) if name == "stretches" else rng.uniform(12, 35)
            part = substring(lane.axis, max(spots.along[row] - reach, 0), spots.along[row] + reach)
            if name == "areas":
                part = part.buffer(lane.width_m * 0.42, cap_style="flat").intersection(lane.shape)
            shape[row] = to_world([part])[0]
        chosen[name] = frame["report_id"].iloc[rows].tolist()
    frame.geometry = gpd.GeoSeries(shape, index=frame.index, crs="EPSG:4326")
    return chosen
