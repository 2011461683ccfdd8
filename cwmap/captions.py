"""What a picture or a file says of itself, in words for people."""

from __future__ import annotations

from cwmap.figures import place_name
from cwmap.filters import Filter
from cwmap.tables import STATUS
from cwmap.town import Town

SYNTHETIC = "示例数据"


def filter_caption(town: Town, question: Filter) -> str:
    """The filter in force: period, places, categories, status, sources."""
    start, end = question.start or town.first_day, question.end or town.as_of
    places = [
        place_name(town, layer, place_id)
        for layer, ids in (
            ("areas", question.area), ("communities", question.community),
            ("cells", question.cell), ("lanes", question.lane),
        )
        for place_id in ids
    ]  # fmt: skip
    groups = {g.key: g.name for g in town.categories.groups}
    kinds = [groups.get(word) or town.categories.name(word) for word in question.category]
    states = [STATUS.shown(word) for word in question.status]
    return " · ".join(
        [f"{start} 至 {end}", *(places or ["全镇"]), *kinds, *states, *question.source]
    )
