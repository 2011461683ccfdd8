"""缺口 as its users have it: the verdicts, the card, the next site, a pin that is moved."""

from __future__ import annotations

import re

from cwmap.gaps import facilities, gaps, siting, spacing
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

RIGHT = ".st-key-cw-right"
VIEWS = {"热点": "spots", "配比": "supply", "标准": "norms", "判断": None, "选址": "sites"}
"""Words of the page → of the address, which leaves out the usual one."""


def drag(screen: Screen, number: int, dx: int, dy: int) -> None:
    """Move a pin by pixels, as a hand does."""
    page = screen.page
    pin = page.frame_locator(".st-key-cw-map iframe").locator(".cw-pin").nth(number - 1)
    box = pin.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2, steps=4)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()


def test_from_the_verdict_to_the_next_market(served: Served, new_screen: OpenScreen) -> None:
    town, norms = served.town(), facilities.load(served.folder)
    screen = new_screen(served).open("/gaps")
    page = screen.page
    judged = gaps.gaps(town, norms, "market", screen.question())
    metrics = screen.metrics()
    assert metrics["达标服务"].startswith(f"{judged.town['share']:.0%}")
    assert metrics["缺口片区"] == str((judged.frame["verdict"] == "gap").sum())
    assert judged.frame["reason"].iloc[0] in screen.text(f"{RIGHT} .cw-gap-said")
    assert "优先级 1" in judged.frame["reason"].iloc[0]
    names = page.locator(".st-key-cw-tasks-gaps button").all_inner_texts()
    assert list(judged.frame["name"]) == [
        next(a for a in judged.frame["name"] if a in text) for text in names
    ]
    with screen.painted():
        page.locator(".st-key-gap-0 button").click()
    assert judged.frame["name"].iloc[0] in screen.text(f"{RIGHT} .cw-gap-card h2")
    assert judged.frame["reason"].iloc[0] in screen.text(f"{RIGHT} .cw-gap-card")
    assert screen.state()["chosen"] == {"layer": "areas", "ids": [judged.frame.index[0]]}
    page.locator(f"{RIGHT} details summary").click()
    assert judged.norms[0].source in screen.text(f"{RIGHT} .cw-gap-basis")
    with screen.painted():
        page.get_by_role("button", name="在图上找下一处").click()
    plan = siting.proposal(town, norms, "market", sites=1, area_id=judged.frame.index[0]).placed
    assert f"＋{plan.frame['adds'][0]:,.0f} 人" in screen.text(f"{RIGHT} .cw-plans >> nth=0")
    [pin] = screen.state()["pins"]
    assert pin["at"] == [round(plan.frame["lat"][0], 6), round(plan.frame["lon"][0], 6)]


def test_a_moved_pin_makes_a_second_plan(served: Served, new_screen: OpenScreen) -> None:
    town, norms = served.town(), facilities.load(served.folder)
    screen = new_screen(served).open("/gaps?view=sites&number=2")
    screen.still()
    with screen.painted():
        drag(screen, 1, 90, 60)
    first, second = screen.state()["pins"]
    placed = siting.place(
        town, norms, norms.facilities["market"], norms.facilities["market"].radii["market500"],
        [(pin["at"][1], pin["at"][0]) for pin in (first, second)],
    )  # fmt: skip
    best = siting.proposal(town, norms, "market", sites=2).placed
    table = screen.text(f"{RIGHT} .cw-plans >> nth=0")
    assert "方案一 算出的" in table
    assert "方案二 移动后的" in table
    assert f"{best.share:.1%}" in table
    assert f"{placed.share:.1%}" in table
    assert placed.share < best.share
    # The link opens the same plan; the button puts the pins back.
    again = new_screen(served).open(screen.page.url.removeprefix(served.url))
    assert again.state()["pins"] == [first, second]
    with again.painted():
        again.page.get_by_role("button", name="图钉放回算出的位置").click()
    assert again.state()["pins"][0]["at"] != first["at"]


def test_every_kind_and_view_is_drawn(served: Served, new_screen: OpenScreen) -> None:
    town, norms = served.town(), facilities.load(served.folder)
    screen = new_screen(served, 1366, 768, dark=True).open("/gaps?kind=bin&view=sites")
    found = spacing.spacing(town, norms, norms.facilities["bin"])
    assert f"缺 {found.add:,} 处" in screen.text(f"{RIGHT} .cw-h >> nth=0")
    assert len(screen.state()["stretches"]["items"]) == len(found.stretches)
    for kind in ("公厕", "收集点", "市场"):
        with screen.painted():
            screen.page.locator(f"{RIGHT} button", has_text=re.compile(f"^{kind}$")).click()
        assert "pins" in screen.state()
        for view, in_address in VIEWS.items():
            screen.page.locator(f"{RIGHT} button", has_text=re.compile(f"^{view}$")).click()
            screen.page.wait_for_function(  # two views may share one map
                "w => new URL(location).searchParams.get('view') === w", arg=in_address
            )
            screen.settled()
            assert not screen.page.locator("[data-testid=stAlert]").count()
            assert screen.page.locator(f"{RIGHT} .cw-h").first.is_visible()


def test_an_address_that_means_nothing_is_no_error(served: Served, new_screen: OpenScreen) -> None:
    words = (
        "kind=cinema&norm=x&weight=900&spot=P99&number=abc&pins=market.market500.3.%7C1,2;x&view=z"
    )
    screen = new_screen(served).open(f"/gaps?{words}")
    assert "先补哪里" in screen.text(f"{RIGHT} .cw-h >> nth=0")
    assert not screen.page.locator("[data-testid=stAlert]").count()
