"""Who answers for each lane (巷长制责任台账): the register by day, and what the map shows of it.

A register names its lanes in words. A row for a community holds for each of its lanes. Who holds a
post that has one holder ends when the next one begins, so that a question about a past day gets the
people of that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap import figures, units
from cwmap.filters import Filter
from cwmap.naming import same_community
from cwmap.tables import ROLE
from cwmap.town import Town

ROLES = tuple(ROLE.choices)
EXPECTED = ("leader", "secretary", "grid_officer", "cleaner")
"""Roles that every lane needs (巷长制: 包社区领导、社区党支部书记、网格员、保洁员)."""
SINGLE = ("leader", "secretary", "grid_officer")
"""Roles that one person holds at a time."""
FIVE = {
    "person": "定人", "post": "定岗", "duty": "定责", "hours": "定时段", "standard": "定标准",
}  # fmt: skip
"""The five things that a register fixes (五定), by column."""
MODES = {
    "complete": "到位情况", "community": "社区", "leader": "包社区领导", "unit": "包抓单位",
    "grid_officer": "网格员", "cleaner": "保洁员",
}  # fmt: skip
"""What lanes can be coloured by."""
WORDS = {"whole": "四岗齐全", "part": "缺岗", "none": "无人负责"}
_COLUMNS = (
    "duty_id", "role", "person", "phone", "organisation", "post", "duty", "hours", "standard", "since",
    "until",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Register:
    """The register of a town.

    rows: one a unit, role and holder, ordered by unit, role, since: unit (`cwmap.units`), lane_id
    (None for other units), name, the columns of the table with since and until as days (NaT: open),
    until as it follows from the next holder too; holder: who it is, whatever the spelling of the
    row; complete: all of `FIVE` are filled in; post_key: a number for each role and holder, −1 for
    nobody; place: position in `cwmap.units.units`. unknown: rows of the table whose place is not on the
    map.
    """

    rows: pd.DataFrame
    unknown: pd.DataFrame

    def on(self, day: date) -> pd.DataFrame:
        """The rows in force on a day."""
        at, rows = pd.Timestamp(day), self.rows
        begun = rows["since"].isna() | (rows["since"] <= at)
        return rows[begun & (rows["until"].isna() | (rows["until"] >= at))]


def register(town: Town) -> Register:
    """The register as it is stored, with its lanes found and its days made clear."""
    return town.kept("duties", lambda: _register(town))


def _register(town: Town) -> Register:
    stored = town.registers["duties"]
    found = units.find(town, stored["lane"]).to_numpy(object)
    known = stored.assign(unit=found)
    spread = _of_communities(town, known[known["unit"].isna()])
    unknown = known[known["unit"].isna() & ~known["duty_id"].isin(spread["duty_id"])]
    rows = pd.concat([known[known["unit"].notna()], spread]).reset_index(drop=True)
    for name in ("since", "until"):
        local = rows[name].dt.tz_localize("UTC").dt.tz_convert(town.settings.timezone)
        rows[name] = local.dt.tz_localize(None).dt.normalize()
    frame = units.units(town)
    rows["name"] = frame["name"].reindex(rows["unit"]).to_numpy(object)
    rows["kind"] = frame["kind"].reindex(rows["unit"]).to_numpy(object)
    named = [str(unit).partition("/") for unit in rows["unit"]]
    lanes = [lane if layer == "lanes" else None for layer, _, lane in named]
    rows["lane_id"] = pd.Series(lanes, rows.index, dtype=object)
    rows["holder"] = pd.Series(_holders(rows), rows.index, dtype=object)
    rows["complete"] = _complete(rows)
    rows["post_key"] = rows.groupby(["role", "holder"], dropna=True).ngroup()
    rows["place"] = frame.index.get_indexer(rows["unit"])
    rows["order"] = rows["role"].map(ROLES.index)
    rows = rows.sort_values(["unit", "order", "since", "duty_id"], na_position="first")
    rows["until"] = _ends(rows)
    chosen = [
        "unit",
        "lane_id",
        "name",
        "kind",
        *_COLUMNS,
        "holder",
        "complete",
        "post_key",
        "place",
    ]
    return Register(rows[chosen].reset_index(drop=True), unknown.drop(columns="unit"))


def _of_communities(town: Town, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that name a community, once for each of its lanes."""
    named = town.layers["communities"]["name"]
    known = {same_community(name): i for i, name in named.items()}
    known |= {same_community(i): i for i in named.index}
    homes = pd.DataFrame({"home": [known.get(same_community(t)) for t in rows["lane"]]}, rows.index)
    lanes = town.layers["lanes"]["community_id"].rename("home").reset_index().astype(object)
    homes = homes.astype(object)
    joined = rows.drop(columns="unit").join(homes).dropna(subset="home").merge(lanes, on="home")
    joined["unit"] = "lanes/" + joined["lane_id"].astype(str)
    return joined.drop(columns=["home", "lane_id"])


def _holders(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Who each row means: a name with its phone, else with its organisation, else that alone."""
    text = rows[["person", "phone", "organisation"]].fillna("").astype(str)
    apart = text["phone"].where(text["phone"] != "", text["organisation"])
    who = (text["person"] + "\x1f" + apart).where(text["person"] != "", text["organisation"])
    holders: npt.NDArray[np.object_] = who.astype(object).where(who != "", None).to_numpy(object)
    return holders


def _complete(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """All five are filled in; what stands for a person in a unit's duty is the unit."""
    named = rows["person"].notna() | ((rows["role"] == "unit") & rows["organisation"].notna())
    rest = rows[[name for name in FIVE if name != "person"]].notna().all(axis=1)
    complete: npt.NDArray[np.bool_] = (named & rest).to_numpy(bool)
    return complete


def _ends(rows: pd.DataFrame) -> pd.Series:
    """The last day of each row, in the order of unit, role, since: the day before the next holder."""
    next_row = rows.shift(-1)
    followed = (
        (rows["unit"] == next_row["unit"]) & (rows["role"] == next_row["role"])
        & rows["role"].isin(SINGLE) & (rows["holder"] != next_row["holder"])
        & next_row["since"].notna()
        & (rows["since"].isna() | (next_row["since"] > rows["since"]))
    )  # fmt: skip
    before = (next_row["since"] - pd.Timedelta(days=1)).where(followed)
    return rows["until"].where(rows["until"] <= before, before).fillna(rows["until"])


def people(town: Town, unit: str, day: date | None = None) -> pd.DataFrame:
    """The rows of one unit on a day (the town's last, if not given), in the order of roles."""
    rows = register(town).on(day or town.as_of)
    return rows[rows["unit"] == unit]


def shown(rows: pd.DataFrame) -> pd.Series:
    """What people call each row's holder: the person, else the organisation."""
    return rows["person"].where(rows["person"].notna(), rows["organisation"])


def holders_of_reports(
    town: Town, role: str, reports: npt.NDArray[np.intp]
) -> npt.NDArray[np.object_]:
    """Who held a role on the lane and the day of each report (positions in `town.reports`).

    The holder (see `Register`), None where nobody is known; of several the first in the register.
    """
    rows = register(town).rows
    rows = rows[(rows["role"] == role) & rows["lane_id"].notna() & rows["holder"].notna()]
    lanes = np.array([*town.layers["lanes"].index, None], object)
    asked = pd.DataFrame(
        {
            "at": np.arange(len(reports)),
            "lane_id": lanes[town.reports.place["lanes"][reports]],
            "day": pd.Timestamp(town.first_day)
            + pd.to_timedelta(town.reports.day[reports].astype(np.int64), unit="D"),
        }
    )
    pairs = asked.merge(rows[["lane_id", "holder", "since", "until"]], on="lane_id")
    begun = pairs["since"].isna() | (pairs["since"] <= pairs["day"])
    pairs = pairs[begun & (pairs["until"].isna() | (pairs["until"] >= pairs["day"]))]
    first = pairs.drop_duplicates("at").set_index("at")["holder"].reindex(asked["at"])
    found: npt.NDArray[np.object_] = first.astype(object).where(first.notna(), None).to_numpy()
    return found


def load(town: Town, question: Filter, role: str = "cleaner") -> pd.DataFrame:
    """What each holder of a role answers for, the most reports first; index: holder.

    Columns name, organisation, units, metres (of lanes, on the town's last day), reports (of the
    filter, on the holder's lanes while they were the holder's), per_km: reports a kilometre.
    """
    return town.kept(("load", question, role), lambda: _load(town, question, role))


def _load(town: Town, question: Filter, role: str) -> pd.DataFrame:
    rows = register(town).rows
    rows = rows[(rows["role"] == role) & rows["holder"].notna()].assign(shown=shown)
    now = rows[rows.index.isin(register(town).on(town.as_of).index)].drop_duplicates(
        ["unit", "holder"]
    )
    length = units.units(town)["length_m"].reindex(now["unit"]).to_numpy(float)
    held = now.assign(metres=np.nan_to_num(length)).groupby("holder")
    table = rows.groupby("holder").agg(
        name=("shown", "first"), organisation=("organisation", "first")
    )
    table["units"] = held["unit"].nunique().reindex(table.index).fillna(0).astype(int)
    table["metres"] = held["metres"].sum().reindex(table.index).fillna(0.0)
    chosen = town.selected(town.view(question))
    counted = pd.Series(holders_of_reports(town, role, chosen), dtype=object).value_counts()
    table["reports"] = counted.reindex(table.index).fillna(0).astype(int)
    table["per_km"] = table["reports"] / (table["metres"] / 1000).where(table["metres"] > 0)
    table = table[(table["units"] > 0) | (table["reports"] > 0)]
    return table.sort_values(["reports", "metres"], ascending=False, kind="stable")


def labels(town: Town, mode: str, day: date | None = None) -> pd.Series:
    """What each unit is coloured by (see `MODES`), None for nothing; index: as `cwmap.units.units`.

    For roles the holder; for `complete` a key of `WORDS`, where a unit that is no lane needs one
    holder of any role.
    """
    frame = units.units(town)
    if mode == "community":
        return frame["community_id"].astype(object)
    rows = register(town).on(day or town.as_of)
    rows = rows[rows["holder"].notna()]
    if mode == "complete":
        needed = rows[rows["role"].isin(EXPECTED) | rows["lane_id"].isna()]
        roles = needed.groupby("unit")["role"].nunique()
        held = roles.reindex(frame.index).fillna(0).to_numpy(int)
        enough = np.where(frame["layer"] == "lanes", len(EXPECTED), 1)
        words = np.where(held >= enough, "whole", np.where(held > 0, "part", "none"))
        return pd.Series(words, frame.index, dtype=object)
    first = rows[rows["role"] == mode].drop_duplicates("unit").set_index("unit")
    by = first["organisation"].where(first["organisation"].notna(), first["holder"])
    held = by if mode == "unit" else first["holder"]
    return held.reindex(frame.index).astype(object)


def lane_labels(town: Town, mode: str, day: date | None = None) -> pd.Series:
    """`labels` of the lanes alone; index: the lanes' ids."""
    lanes = town.layers["lanes"].index
    return labels(town, mode, day).reindex("lanes/" + lanes).set_axis(lanes)


def label_name(town: Town, mode: str, label: str) -> str:
    """What people call a label of `labels`."""
    if mode == "community":
        return figures.place_name(town, "communities", label)
    return WORDS.get(label) or label.partition("\x1f")[0]
