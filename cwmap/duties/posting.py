"""Lane boards (责任公示牌) from the register: what is posted at a lane's entrance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from urllib.parse import urlencode

from cwmap import figures, units
from cwmap.duties import duties
from cwmap.duties.boards import Board, Person
from cwmap.errors import CwmapError
from cwmap.tables import ROLE, UNIT_KIND
from cwmap.town import Town

_TEXTS = ("phone", "organisation", "post", "duty", "hours", "standard")


def lane_boards(
    town: Town, lane_ids: Iterable[str], day: date | None = None, *, address: str = ""
) -> list[Board]:
    """A board for each lane, with its people of the day (the town's last, if not given).

    address: of the dashboard, for the QR code; the office's own wins. Phones are printed only as the
    office decided. CwmapError for a lane that does not exist.
    """
    day, settings = day or town.as_of, town.settings
    frame = units.units(town)
    rows = dict(tuple(duties.register(town).on(day).groupby("unit")))
    home = (settings.address or address).rstrip("/")
    made = []
    for lane_id in lane_ids:
        unit = f"lanes/{lane_id}"
        if unit not in frame.index:
            raise CwmapError(f"没有编号为“{lane_id}”的巷道；请用巷道编号。")
        lane = frame.loc[unit]
        people = rows[unit].to_dict("records") if unit in rows else []
        held = {row["role"] for row in people}
        people += [{"role": role} for role in duties.EXPECTED if role not in held]
        people.sort(key=lambda row: duties.ROLES.index(row["role"]))
        query = urlencode({"pick": f"lanes:{lane_id}"})
        made.append(
            Board(
                lane_id=str(lane_id), title=lane["name"], length_m=lane["length_m"],
                community=_community(town, lane["community_id"]),
                kind=UNIT_KIND.shown(lane["kind"]),
                people=tuple(_person(row, phones=settings.boards_show_phones) for row in people),
                hotline=settings.hotline, office=settings.office,
                url=f"{home}/duties?{query}" if home else "", synthetic=settings.synthetic, issued=day,
            )
        )  # fmt: skip
    return made


def _person(row: dict[str, object], *, phones: bool) -> Person:
    texts = {name: text for name in _TEXTS if isinstance(text := row.get(name), str)}
    if not phones:
        texts.pop("phone", None)
    name = row.get("person")
    if not isinstance(name, str):
        name = texts.pop("organisation", "") if row["role"] == "unit" else ""
    return Person(role=ROLE.shown(str(row["role"])), name=name, **texts)


def _community(town: Town, community_id: object) -> str:
    return (
        figures.place_name(town, "communities", community_id)
        if isinstance(community_id, str)
        else ""
    )
