from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from cwmap import figures
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.trends.rhythm import rhythm, weekday_matrix


def test_the_matrix_is_that_of_pandas(demo_town: Town, demo_workspace: Workspace) -> None:
    rows = demo_workspace.read("reports", ["report_id", "category", "reported_at"])
    question = Filter(date(2026, 5, 3), date(2026, 9, 17), ("garbage",))
    found = rhythm(demo_town, question)
    local = rows["reported_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
    mine = rows["category"].map(lambda c: demo_town.categories.group_of(c).key == "garbage")
    mine &= (local >= "2026-05-03") & (local < "2026-09-18")
    expected = pd.crosstab(local[mine].dt.day_of_week, local[mine].dt.hour)
    expected = expected.reindex(index=range(7), columns=range(24), fill_value=0)
    assert found.counts.sum() > 100
    assert found.counts.tolist() == expected.to_numpy().tolist()
    assert found.weekday.tolist() == found.counts.sum(axis=1).tolist()
    days = pd.date_range("2026-05-03", "2026-09-17")
    assert found.days.tolist() == days.day_of_week.value_counts().sort_index().tolist()
    np.testing.assert_allclose(found.per_day.T * found.days, expected.T)
    assert f"{mine.sum():,} 件" in found.caption
    assert "不等于问题何时发生" in found.caption


def test_a_date_without_a_time_has_no_hour(demo_town: Town, altered: Callable[..., Town]) -> None:
    dated = altered(
        demo_town, hour=np.where(np.arange(len(demo_town.reports)) < 30, -1, demo_town.reports.hour)
    )
    found = rhythm(dated, Filter())
    assert found.counts.sum() == len(demo_town.reports) - 30
    assert found.weekday.sum() == len(demo_town.reports)
    assert "30 件只有日期" in found.caption
    nothing = rhythm(demo_town, Filter(start=date(2027, 1, 1)))
    assert nothing.counts.sum() == nothing.per_day.sum() == nothing.days.sum() == 0


def test_weeks_begin_on_monday_and_are_whole(demo_town: Town) -> None:
    question = Filter(date(2026, 6, 3), date(2026, 7, 1))  # Wednesday to Wednesday
    found = weekday_matrix(demo_town, question)
    assert found.shape == (len(demo_town.layers["lanes"]), 3, 7)
    for w, d in ((0, 0), (1, 3), (2, 6)):
        day = date(2026, 6, 8) + pd.Timedelta(days=7 * w + d)
        counts = figures.lanes(demo_town, Filter(day, day))["reports"]
        assert found[:, w, d].tolist() == counts.tolist()
