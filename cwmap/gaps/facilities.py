"""What a town owes its people (设施配置标准): the norms of each facility kind, as data.

data/norms/facilities.toml, or a workspace's own copy in `rules`. Each number has its standard,
clause, source and whether the clause was read; what is not known is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cwmap import rulefile
from cwmap.norms import Categories
from cwmap.rulefile import Entry
from cwmap.tables import FACILITY_KIND, LANE_KIND

FILE = "facilities.toml"
NAME = "设施配置标准"
KINDS = tuple(k for k in FACILITY_KIND.labels if k not in ("transfer_station", "other"))
"""Kinds that a gap can be of."""
MEASURES = {
    "radius": ("服务半径", "米"), "spacing": ("间距", "米"), "density": ("设置密度", "座/平方公里"),
    "floor": ("建筑面积", "平方米"), "floor_per_1000": ("每千人建筑面积", "平方米"),
}  # fmt: skip
_MOST = {
    "radius": 20_000.0,
    "spacing": 5_000.0,
    "density": 1e4,
    "floor": 1e6,
    "floor_per_1000": 1e5,
}


@dataclass(frozen=True)
class Norm:
    """One norm. low, high: its bounds in the unit of `MEASURES`, None where it has none.

    roads: kinds of lanes that it is for; lanes: ids of single ones; land: the same in words.
    """

    key: str
    name: str
    measure: str
    low: float | None
    high: float | None
    roads: tuple[str, ...]
    lanes: tuple[str, ...]
    land: str
    standard: str
    clause: str
    source: str
    verified: bool

    @property
    def limit(self) -> float:
        """The upper bound of a radius or spacing, in metres."""
        assert self.high is not None  # checked when it was read
        return self.high

    @property
    def bounds(self) -> str:
        """不大于 300 米, 不小于 50 平方米, 30—100 米."""
        unit = MEASURES[self.measure][1]
        if self.low is None:
            return f"不大于 {self.high:,.10g} {unit}"
        if self.high is None:
            return f"不小于 {self.low:,.10g} {unit}"
        return f"{self.low:,.10g}—{self.high:,.10g} {unit}"

    @property
    def said(self) -> str:
        """The norm in one line: number, standard, clause, and whether it was checked."""
        checked = "已查到条文" if self.verified else "未核对条文"
        measure = MEASURES[self.measure][0]
        return f"{measure}{self.bounds}（{self.standard}，{self.clause}；{self.name}；{checked}）"


@dataclass(frozen=True)
class Facility:
    """A kind of facility: its norms, and the report categories that speak for its want."""

    kind: str
    name: str
    demand_name: str
    demand: tuple[str, ...]
    norms: tuple[Norm, ...]

    @property
    def radii(self) -> dict[str, Norm]:
        """Norms of walking distance by key, the usual one first."""
        return {norm.key: norm for norm in self.norms if norm.measure == "radius"}

    def radius(self, key: str | None = None) -> Norm | None:
        """The norm of walking distance that is asked for, else the usual one, None without any."""
        return self.radii.get(key or "") or next(iter(self.radii.values()), None)

    def spacing(self, lane_id: str, road: str | None) -> Norm | None:
        """The norm of spacing along a lane: its own, else its road kind's, None where none is for it."""
        spacings = [n for n in self.norms if n.measure == "spacing"]
        own = (n for n in spacings if lane_id in n.lanes)
        return next(own, None) or next((n for n in spacings if road in n.roads), None)

    def of(self, measure: str) -> tuple[Norm, ...]:
        """The norms of one measure."""
        return tuple(norm for norm in self.norms if norm.measure == measure)


@dataclass(frozen=True)
class Walk:
    """How walking is measured, in metres.

    paths: a file of ways that replaces the lanes' own; elevation: a file of heights.
    """

    snap_m: float
    join_m: float
    detour: float
    paths: Path | None
    elevation: Path | None = None


@dataclass(frozen=True)
class Weights:
    """What makes a gap urgent: unmet people and demand on the street. swing: by how much they vary."""

    people: float
    demand: float
    swing: float

    @property
    def share(self) -> float:
        """The weight of people, of 1."""
        return self.people / (self.people + self.demand)


@dataclass(frozen=True)
class Norms:
    """All norms in force, and the choices of docs/gaps.md. version: of the text they are from.

    majority: an area where fewer are served is a gap. below_standard: how far a person whom only a
    facility below standard serves is unmet. sites, candidates: of a plan. zones: weights of the
    catchment's rings.
    """

    version: str
    walk: Walk
    majority: float
    below_standard: float
    weights: Weights
    sites: int
    candidates: int
    zones: tuple[float, ...]
    facilities: dict[str, Facility]


def load(workspace: Path | None = None, categories: Categories | None = None) -> Norms:
    """The norms of a workspace folder: its own, else the shipped ones. CwmapError names the line."""
    return parse(*rulefile.read(NAME, FILE, workspace), categories, workspace)


def save(workspace: Path, text: str, categories: Categories | None = None) -> Norms:
    """Check and store a workspace's own norms; the version before is kept in `rules/history`."""
    norms = parse(NAME, text, categories, workspace)
    rulefile.write(FILE, workspace, text)
    return norms


def parse(
    name: str, text: str, categories: Categories | None = None, workspace: Path | None = None
) -> Norms:
    """Norms from a text; `name` is what messages call it."""
    top = rulefile.parse(name, text)
    known = categories or Categories.load()
    entries = top.entries("facility")
    facilities = [_facility(entry, known) for entry in entries]
    _once(entries, [f.kind for f in facilities], "kind")
    if not facilities:
        top.fail("一个 [[facility]] 也没有；请照随附的标准补上。")
    verdict, priority = top.entry("verdict"), top.entry("priority")
    siting, catchment = top.entry("siting"), top.entry("catchment")
    weights = Weights(
        priority.number("people", 0, 100), priority.number("demand", 0, 100),
        priority.number("swing", 0, 1),
    )  # fmt: skip
    if not weights.people + weights.demand > 0:
        priority.fail("people 和 demand 不能都为 0；请改正其中一个。", "people")
    zones = catchment.numbers("weights", 0, 1)
    if not zones or not max(zones) > 0:
        catchment.fail("weights 至少要有一个大于 0 的数；请改正。", "weights")
    norms = Norms(
        version=rulefile.version(text), walk=_walk(top.entry("walk"), workspace),
        majority=verdict.number("majority", 0.01, 1),
        below_standard=verdict.number("below_standard", 0, 1), weights=weights,
        sites=int(siting.number("sites", 1, 50, whole=True)),
        candidates=int(siting.number("candidates", 10, 1000, whole=True)),
        zones=zones, facilities={f.kind: f for f in facilities},
    )  # fmt: skip
    for entry in (top, verdict, priority, siting, catchment):
        entry.done()
    return norms


def _walk(entry: Entry, workspace: Path | None) -> Walk:
    walk = Walk(
        entry.number("snap_m", 1, 5_000), entry.number("join_m", 0, 200),
        entry.number("detour", 1, 3), _file(entry, "paths", "路网", workspace),
        _file(entry, "elevation", "高程", workspace),
    )  # fmt: skip
    entry.done()
    return walk


def _file(entry: Entry, key: str, called: str, workspace: Path | None) -> Path | None:
    """A file of the workspace that the rules name."""
    if not entry.has(key):
        return None
    path = (workspace or Path()) / entry.text(key)
    if not path.is_file():
        entry.fail(f"没有{called}文件“{path}”；请把它放进工作区，或删去这一行。", key)
    return path


def _facility(entry: Entry, categories: Categories) -> Facility:
    kind = entry.choice("kind", KINDS)
    demand: list[str] = []
    for word in entry.words("demand"):
        group = categories.find_group(word)
        if word not in categories.codes and group is None:
            entry.fail(f"没有问题类别或分组“{word}”；请用类别代码或分组。", "demand")
        demand += [word] if word in categories.codes else [
            c.code for c in categories.codes.values() if group and c.group == group.key
        ]  # fmt: skip
    entries = entry.entries("norm")
    norms = tuple(_norm(e) for e in entries)
    _once(entries, [n.key for n in norms], "key")
    if not any(n.measure in ("radius", "spacing") for n in norms):
        entry.fail(f"“{kind}”没有服务半径（radius）或间距（spacing）标准；请补上一条 norm。")
    facility = Facility(
        kind, entry.text("name", FACILITY_KIND.shown(kind)),
        entry.text("demand_name") if demand else "", tuple(dict.fromkeys(demand)), norms,
    )  # fmt: skip
    entry.done()
    return facility


def _norm(entry: Entry) -> Norm:
    measure = entry.choice("measure", MEASURES)
    low, high = (
        entry.number(key, 0.01, _MOST[measure]) if entry.has(key) else None for key in ("low", "high")
    )  # fmt: skip
    if low is None and high is None:
        entry.fail("low 和 high 都没有；请至少写一个。")
    if low is not None and high is not None and low > high:
        entry.fail(f"low（{low:g}）大于 high（{high:g}）；请改正。", "low")
    if measure in ("radius", "spacing") and high is None:
        entry.fail(f"{MEASURES[measure][0]}要有上限 high；请补上。", "measure")
    norm = Norm(
        entry.text("key"), entry.text("name"), measure, low, high,
        entry.words("roads", LANE_KIND.labels), entry.words("lanes"), entry.text("land", ""),
        entry.text("standard"), entry.text("clause"), entry.text("source"), entry.flag("verified"),
    )  # fmt: skip
    if measure != "spacing" and (norm.roads or norm.lanes):
        entry.fail(
            "roads 和 lanes 只用于间距（spacing）；请删去。", "roads" if norm.roads else "lanes"
        )
    entry.done()
    return norm


def _once(entries: list[Entry], values: list[str], key: str) -> None:
    for at, value in enumerate(values):
        if value in values[:at]:
            entries[at].fail(f"{key} = “{value}”出现了两次；请只保留一处。", key)
