from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.effect import _redrawn, rectification, weekly
from cwmap.trends.hotspots import Method, neighbours

EVER = Filter()
DAY = date(2026, 8, 10)


@pytest.fixture(scope="module")
def even(demo_town: Town, altered: Callable[..., Town]) -> Town:
    """The demo town with its reports dealt out over lanes and days without any rhythm."""
    random = np.random.default_rng(0)
    n, size = len(demo_town.reports), len(demo_town.layers["lanes"])
    days = random.integers(0, int(demo_town.reports.day.max()) + 1, n)
    days[:2] = 0, demo_town.reports.day.max()
    return altered(demo_town, lanes=random.integers(0, size, n), day=days.astype(np.int32))


def lanes_of_a_kind(town: Town, number: int, kind: str = "lane") -> list[str]:
    layer = town.layers["lanes"]
    return list(layer.index[layer["kind"] == kind][:number])


def test_a_halving_is_found_and_told(even: Town, altered: Callable[..., Town]) -> None:
    chosen = lanes_of_a_kind(even, 40)
    treated = np.isin(even.layers["lanes"].index[even.reports.place["lanes"]], chosen)
    after = even.reports.day > (DAY - even.first_day).days
    gone = treated & after & (np.random.default_rng(1).random(len(treated)) < 0.6)
    found = rectification(altered(even, keep=~gone), EVER, chosen, DAY, weeks=8)
    assert found.told
    assert found.low < found.net < found.high < 0
    assert found.before > found.after
    a, b, (c, d) = found.before, found.after, found.controls
    assert found.net == pytest.approx(b - a * d / c)
    for word in (
        "整治后 8 周", f"等 {len(chosen)} 条巷道每周 {a:.0f} → {b:.0f} 件",
        f"{len(found.control_ids)} 条对照巷道每周 {c:.0f} → {d:.0f} 件",
        f"净减少 {-found.net:.0f} 件/周（95% 区间 {-found.high:.0f}–{-found.low:.0f} 件）",
    ):  # fmt: skip
        assert word in found.sentence
    assert not rectification(even, EVER, chosen, DAY, weeks=8).told


def test_counts_are_those_of_the_reports(even: Town) -> None:
    chosen = lanes_of_a_kind(even, 12)
    start, end = DAY, DAY + timedelta(days=4)
    found = rectification(even, replace(EVER, start=date(2026, 10, 1)), chosen, start, end, weeks=3)
    names = even.layers["lanes"].index[even.reports.place["lanes"]]
    day = even.reports.day + even.first_day.toordinal()
    for ids, before, after in (
        (found.lane_ids, found.before, found.after), (found.control_ids, *found.controls),
    ):  # fmt: skip
        mine = names.isin(ids)
        first, last = start.toordinal(), end.toordinal()
        assert 3 * before == (mine & (day >= first - 21) & (day < first)).sum()
        assert 3 * after == (mine & (day > last) & (day <= last + 21)).sum()


def test_controls_are_of_the_same_kind_and_do_not_touch(demo_town: Town) -> None:
    chosen = [*lanes_of_a_kind(demo_town, 3, "branch"), *lanes_of_a_kind(demo_town, 4)]
    found = rectification(demo_town, EVER, chosen, DAY)
    layer = demo_town.layers["lanes"]
    near = neighbours(demo_town, Method(units="lanes")).toarray()
    touched = near[layer.index.isin(chosen)].any(axis=0)
    controls = layer.index.isin(found.control_ids)
    assert controls.sum() == len(found.control_ids) == 14
    assert not (controls & (touched | layer.index.isin(chosen))).any()
    assert (layer["kind"][controls] == "branch").sum() == 6


def test_where_nothing_was_done_little_is_claimed(even: Town) -> None:
    """Placebos: random lanes and days; a 95 % interval errs about once in twenty."""
    random = np.random.default_rng(3)
    told = []
    for _ in range(60):
        chosen = random.choice(even.layers["lanes"].index, 25, replace=False)
        day = even.first_day + timedelta(days=int(random.integers(60, 140)))
        told.append(rectification(even, EVER, list(chosen), day, weeks=6).told)
    assert sum(told) <= 8


@pytest.mark.parametrize("dispersion", [1.0, 2.5])
def test_the_interval_covers(dispersion: float) -> None:
    random = np.random.default_rng(5)
    means = np.array([80.0, 50.0, 90.0, 75.0])
    truth = means[1] - means[0] * means[3] / means[2]
    held = 0
    for _ in range(300):
        drawn = means if dispersion == 1 else random.gamma(means / (dispersion - 1), dispersion - 1)
        low, high = np.quantile(_redrawn(list(random.poisson(drawn)), dispersion), [0.025, 0.975])
        held += low <= truth <= high
    assert 0.91 <= held / 300 <= 0.99


def test_the_days_after_a_weekly_clean_up(even: Town, altered: Callable[..., Town]) -> None:
    weekday = (even.reports.day + even.first_day.weekday()) % 7
    gone = np.isin(weekday, [2, 5]) & (np.random.default_rng(2).random(len(weekday)) < 0.4)
    found = weekly(altered(even, keep=~gone), EVER)
    assert found.told
    assert found.net == pytest.approx(found.after - found.before)
    assert found.low < found.net < found.high < 0
    for word in (
        "周二、周五清理的次日（周三、周六）", f"平均每天 {found.after:.1f} 件", f"其余日子 {found.before:.1f} 件",
        f"每天少 {-found.net:.1f} 件（95% 区间 {-found.high:.1f}–{-found.low:.1f} 件）",
    ):  # fmt: skip
        assert word in found.sentence
    calm = weekly(even, EVER)
    assert not calm.told
    assert "看不出差别" in calm.sentence
    some = weekly(even, EVER, lanes=list(even.layers["lanes"].index[:80]))
    assert len(some.lane_ids) == 80
    assert "共 80 条" in some.sentence or "看不出差别" in some.sentence


def test_what_cannot_be_told_is_said(even: Town, altered: Callable[..., Town]) -> None:
    chosen = lanes_of_a_kind(even, 5)
    for found, why in (
        (rectification(even, EVER, chosen, even.as_of), "还看不出变化"),
        (rectification(even, EVER, chosen, even.first_day), "还看不出变化"),
        (rectification(even, Filter(source=("暗访",)), chosen[:1], DAY), "太少"),
        (rectification(even, EVER, lanes_of_a_kind(even, 999), DAY), "无法比较"),
        (weekly(even, Filter(start=even.as_of - timedelta(days=20))), "不足 8 周"),
        (weekly(even, Filter(source=("暗访",)), lanes=chosen), "太少"),
    ):  # fmt: skip
        assert why in found.sentence
        assert np.isnan(found.net)
        assert not found.told
    with pytest.raises(UnknownName, match="没有这条"):
        rectification(even, EVER, ["没有这条"], DAY)
    for wrong in (lambda: rectification(even, EVER, [], DAY), lambda: weekly(even, EVER, ()),
                  lambda: rectification(even, EVER, chosen, DAY, DAY - timedelta(days=1))):  # fmt: skip
        with pytest.raises(CwmapError):
            wrong()


def test_shortened_comparisons_are_said(even: Town) -> None:
    day = even.as_of - timedelta(days=16)
    found = rectification(even, EVER, lanes_of_a_kind(even, 40), day)
    assert "记录只够前后各 2 周，没有按 4 周比较" in found.notes
    assert "整治后 2 周" in found.sentence
