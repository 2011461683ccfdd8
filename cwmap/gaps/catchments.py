"""How much of a facility's capacity falls to each place (供给与人口的配比).

Two views. Of each area alone: its facilities' capacity per 1,000 of its people. And by E2SFCA
(`geo.catchment`), where people share the facilities within their reach, whatever area these are in:
rings of equal width up to the norm's radius, with the weights of `Norms.zones`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwmap.gaps.facilities import MEASURES, Norm, Norms
from cwmap.gaps.gaps import facility_of
from cwmap.gaps.homes import homes, located
from cwmap.gaps.reach import Stock, stock, summed
from cwmap.gaps.walks import walks
from cwmap.tables import FACILITIES
from cwmap.town import Town
from geo.catchment import two_step_floating_catchment
from geo.walking import pairs


@dataclass(frozen=True, eq=False)
class Catchments:
    """frame: by place of a layer: population, facilities, supply (of those in it), per_1000 (supply of
    its own per 1,000 people), access (E2SFCA, per 1,000 people; NaN where it cannot be told).

    what: what the supply is, with its unit. norm: what it is measured by, None without one.
    """

    frame: pd.DataFrame
    what: str
    norm: Norm | None
    notes: tuple[str, ...]


def catchments(
    town: Town, norms: Norms, kind: str, layer: str, norm_key: str | None = None
) -> Catchments:
    """The supply of a kind by place of a layer."""
    facility = facility_of(norms, kind)
    radius = facility.radius(norm_key)
    norm = next(iter(facility.of("floor_per_1000")), None)
    there, here = stock(town, norms, kind), homes(town, norms)
    rows = town.layers["facilities"].loc[there.frame.index]
    column = "floor_m2" if norm else "capacity"
    supply = rows[column].to_numpy(float)
    notes = []
    if np.isnan(supply).any():
        notes.append(
            f"{int(np.isnan(supply).sum())} 处没有填写{FACILITIES[column].label}，没有计入"
        )
    supply = np.nan_to_num(supply)
    people = here.weight if here.unit == "people" else np.zeros(len(here.weight))
    if here.unit != "people":
        notes.append("没有人口数据，算不出人均")
    index, at = town.layers[layer].index, here.at[layer]
    held = located(town, there.frame["x"].to_numpy(float), there.frame["y"].to_numpy(float))[layer]
    population, own = summed(at, people, len(index)), summed(held, supply, len(index))
    some = np.where(population > 0, population, np.nan)
    access = np.full(len(index), np.nan)
    if radius and walks(town, norms).network is not None and people.sum() > 0:
        access = summed(at, people * _access(town, norms, there, supply, radius), len(index)) / some
        steps = "、".join(f"{w:g}" for w in norms.zones)
        notes.append(
            f"按可达范围分摊（E2SFCA）：{radius.limit:,.0f} 米内分 {len(norms.zones)} 个等距带，"
            f"权重 {steps}（取自 pysal 的 access 库，未与原文核对）"
        )
    frame = pd.DataFrame(
        {
            "population": population, "facilities": summed(held, np.ones(len(held)), len(index)),
            "supply": own, "per_1000": own / some * 1000, "access": access * 1000,
        },
        index,
    )  # fmt: skip
    unit = MEASURES["floor_per_1000"][1] if norm else {"toilet": "蹲位"}.get(kind, "桶")
    what = f"{FACILITIES[column].label}（{unit}）" if norm else f"{unit}数"
    return Catchments(frame, what, norm, tuple(notes))


def _access(town: Town, norms: Norms, there: Stock, supply: np.ndarray, radius: Norm) -> np.ndarray:
    """(homes,) supply per person, by E2SFCA."""
    ways, here = walks(town, norms), homes(town, norms)
    assert ways.network is not None
    reach = pairs(ways.network, here.places, there.entrances, radius.limit)
    reach = reach.of_facilities(there.owner, len(supply))
    upto = [radius.limit * (k + 1) / len(norms.zones) for k in range(len(norms.zones))]
    return two_step_floating_catchment(reach, here.weight, supply, upto, norms.zones).of_place
