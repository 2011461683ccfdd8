"""What is wrong in the demo town's duty register on purpose, so that it can be found."""

from __future__ import annotations

from typing import Any

from cwmap.demo.plan import Plan

SUCCESSION = "2026-03-01"
_TWO_CHIEFS, _SUCCEEDED, _CLEANED, _FAR = (3, 41, 77, 120, 163), (8, 52, 95, 140), 11, (5, 190)
"""Positions of lanes in the plan; the first of those that one cleaner has, of 12."""
_NOWHERE = ("平安里", "老城根巷")


def planted(plan: Plan) -> dict[str, Any]:
    """What was planted: names of lanes, or of people, by kind of finding."""
    names = [entry.name for entry in plan.lanes]
    return {
        "two_chiefs": [names[k] for k in _TWO_CHIEFS],
        "succeeded": [names[k] for k in _SUCCEEDED],
        "overloaded": {"phone": _phone(1), "lanes": _cleaned(names)},
        "scattered": {"phone": _phone(2), "lanes": [names[k] for k in _FAR]},
        "not_on_the_map": list(_NOWHERE),
    }


def rows(plan: Plan) -> list[dict[str, Any]]:
    """Rows that are added to the register: each without a random choice."""
    names = [entry.name for entry in plan.lanes]
    chiefs = (("钱某某", 0), ("申某某", 4))  # both: the lane's own may be among those left out
    found = [
        _row(names[k], "leader", person, number, "区人社局")
        for k in _TWO_CHIEFS
        for person, number in chiefs
    ]
    found += [
        _row(names[k], "grid_officer", "郝某某", 3, "社区") | {"since": SUCCESSION}
        for k in _SUCCEEDED
    ]
    found += [_row(name, "cleaner", "牛某某", 1, "区环卫所") for name in _cleaned(names)]
    found += [_row(names[k], "cleaner", "万某某", 2, "区环卫所") for k in _FAR]
    found += [_row(name, "cleaner", "万某某", 2, "区环卫所") for name in _NOWHERE]
    return found


def _cleaned(names: list[str]) -> list[str]:
    return names[_CLEANED : _CLEANED + 12]


def _row(lane: str, role: str, person: str, number: int, organisation: str) -> dict[str, Any]:
    return {
        "lane": lane, "role": role, "person": person, "phone": _phone(number),
        "organisation": organisation, "post": lane, "duty": "清扫保洁、巡查上报",
        "hours": "06:00-12:00、13:00-19:00", "standard": "六无六净", "since": "2025-03-01",
        "until": None,
    }  # fmt: skip


def _phone(number: int) -> str:
    return f"138001{number:05d}"
