"""会议 as a presenter and a planner have it: by keyboard through the agenda, frozen, arranged, opened."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Frame, Page

from cwmap import access, figures, importing, photos
from cwmap.assessment import assessment
from cwmap.colours import even_breaks, heat_png
from cwmap.filters import Filter
from cwmap.gaps import gaps
from cwmap.meeting import agenda, telling
from cwmap.meeting.agenda import Agenda, Step
from cwmap.meeting.desk import Desk
from cwmap.store import Merged, column
from cwmap.tasks import steps, tasks
from cwmap.ui import map as town_map
from cwmap.ui.assessment import scoremap
from cwmap.ui.look import Look
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

SLOWEST_MS = 3_000  # generous: the machine may be busy; the times are printed
SIZES = [(1920, 1080), (1280, 720)]
PHONES = [(390, 844)]  # and turned, in the test


def open_stage(screen: Screen, path: str = "/meeting") -> Frame:
    """The stage, at rest on its first step."""
    screen.page.goto(screen.url + path)
    screen.map.wait_for_function("window.CW_STEP")
    screen.settled()
    return screen.map


def press(page: Page, stage: Frame, key: str) -> float:
    """A key that goes to another step; how long it took, in ms."""
    turn = stage.evaluate("CW_STEP.turn")
    page.keyboard.press(key)
    stage.wait_for_function("turn => CW_STEP.turn > turn", arg=turn)
    ms: float = stage.evaluate("CW_STEP.ms")
    return ms


def read(stage: Frame) -> dict[str, Any]:
    """What the room reads."""
    text: dict[str, Any] = stage.evaluate(
        """() => ({ title: document.querySelector('.cm-head h1').textContent,
        count: document.querySelector('.cm-count').textContent,
        sentence: document.querySelector('.cm-said').textContent,
        figures: [...document.querySelectorAll('.cm-figure')].map(f => [
          f.querySelector('span').textContent, f.querySelector('b').firstChild.textContent,
          f.querySelector('b i').textContent]),
        rows: [...document.querySelectorAll('.cm-side li')].map(r => [
          r.querySelector('span').textContent, r.querySelector('b').textContent]) })"""
    )
    return text


def painted_as(desk: Desk, step: Step, told: telling.Told, state: dict[str, Any]) -> None:
    """The map's state says what cwmap says."""
    town = desk.town
    if told.places[1]:
        assert state["chosen"] == {"layer": told.places[0], "ids": list(told.places[1])}
    if step.kind == "overview":
        density = figures.heat(town, told.question, figures.bandwidths_m(town)[2])
        image = heat_png(density, even_breaks(float(density.max())), "light")
        assert base64.b64decode(state["heat"]["data"].partition(",")[2]) == image
    elif step.kind.startswith("spot-"):
        found = desk.spots(told.question).found
        assert state["cells"] == town_map.hotspot_state(found, Look(), ())["cells"]
    elif step.kind == "gap":
        norm = desk.norms.facilities["market"].radius(None)
        served = gaps.served(town, desk.norms, desk.norms.facilities["market"], norm, "cells")
        verdicts = gaps.verdicts(served, desk.norms.majority)
        order = ["gap", "below_standard", "part", "met"]
        wanted = ["-" if v not in order else str(order.index(v)) for v in verdicts]
        assert state["cells"]["classes"] == "".join(wanted)
        assert told.places[1] == ("P01",)
    elif step.kind == "ranking":
        ranking = assessment.week(town, desk.scoring, desk.inspected).ranking
        scores = ranking["score"].reindex("lanes/" + town.layers["lanes"].index)
        wanted = "".join("-" if k < 0 else str(k) for k in scoremap.classes(scores))
        assert state["lanes"]["classes"] == wanted
        assert [len(m["items"]) for m in state["marks"]] == [
            int(ranking.index.str.startswith(layer).sum()) for layer in ("units", "facilities")
        ]
    elif step.kind in ("overdue", "asked"):
        lit = tasks.on_lanes(town, told.question, None, desk.routing)
        wanted = np.select([lit["red"] > 0, lit["yellow"] > 0, lit["green"] > 0], list("210"), "-")
        assert state["lanes"]["classes"] == "".join(wanted)
    else:
        assert step.kind == "photos"
        assert not state["surface"]
    assert state["reports"] is None  # nothing is asked of the server later


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_agenda_by_keyboard(
    served: Served, new_screen: OpenScreen, width: int, height: int
) -> None:
    desk = Desk(served.town(), served.workspace())
    plan = desk.usual().steps
    assert len(plan) >= 5
    screen = new_screen(served, width, height)
    page = screen.page
    sent: list[Any] = []
    page.on("websocket", lambda s: s.on("framesent", lambda f: sent.append(f)))
    stage = open_stage(screen)
    screen.settled()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    sent.clear()
    times = []
    for at, step in enumerate(plan):
        if at:
            times.append(press(page, stage, ("ArrowRight", "PageDown", "Space")[at % 3]))
        told, shown = telling.tell(desk, step), read(stage)
        assert (shown["title"], shown["sentence"]) == (told.title, told.sentence)
        assert shown["figures"] == [[f.label, f.value, f.unit] for f in told.figures]
        assert shown["rows"] == [list(row[:2]) for row in told.rows]
        assert shown["count"] == f"{at + 1}/{len(plan)}"
        assert f"step={at + 1}" in page.url
        painted_as(desk, step, told, screen.state())
        fits(stage, step.kind)
    times += [
        press(page, stage, "PageUp" if at % 2 else "ArrowLeft") for at in range(len(plan) - 1)
    ]
    times += [press(page, stage, "End"), press(page, stage, "Home")]
    assert read(stage)["count"] == f"1/{len(plan)}"
    page.keyboard.press("ArrowLeft")  # there is nothing before the first
    assert read(stage)["count"] == f"1/{len(plan)}"
    print(f"\n{width}x{height}: ms a step {[round(t) for t in times]}")
    assert max(times) < SLOWEST_MS
    assert sent == []
    assert [
        url for url in asked if not url.endswith("/cwmap/health") and "/media/" not in url
    ] == []


def fits(stage: Frame, kind: str) -> None:
    """All of the text is on the screen, in large type, and none of it lies over another."""
    found = stage.evaluate(
        """() => { const tall = Math.min(innerWidth / 1920, innerHeight / 1080);
        const size = q => [...document.querySelectorAll(q)].map(e => parseFloat(getComputedStyle(e).fontSize) / tall);
        const cut = [...document.querySelectorAll('.cm-head h1, .cm-said, .cm-figure, .cm-side')]
          .filter(e => e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2);
        const out = [...document.querySelectorAll('.cm h1, .cm p, .cm b, .cm small')].filter(e => {
          const b = e.getBoundingClientRect();
          return b.width && (b.left < 0 || b.top < 0 || b.right > innerWidth + 1 || b.bottom > innerHeight + 1); });
        return { title: size('.cm-head h1'), figure: size('.cm-figure b'),
          cut: cut.map(e => e.textContent), out: out.map(e => e.textContent) }; }"""
    )
    assert found["cut"] == found["out"] == [], kind
    assert min(found["title"]) >= 43.9
    assert min(found["figure"], default=72) >= 72


@pytest.mark.parametrize(("width", "height"), PHONES)
def test_in_the_hand(served: Served, new_screen: OpenScreen, width: int, height: int) -> None:
    """On a phone: by swipe and by tap, in type that is read, whichever way it is held."""
    desk = Desk(served.town(), served.workspace())
    plan = desk.usual().steps
    screen = new_screen(served, width, height, has_touch=True, is_mobile=True)
    page, stage = screen.page, open_stage(screen)
    for at, step in enumerate(plan):
        told, shown = telling.tell(desk, step), read(stage)
        assert (shown["title"], shown["sentence"]) == (told.title, told.sentence)
        assert shown["count"] == f"{at + 1}/{len(plan)}"
        fits_a_hand(page, stage, step.kind)
        if at < len(plan) - 1:
            turn = stage.evaluate("CW_STEP.turn")
            if at % 2:
                stage.get_by_role("button", name="下一步").tap()
            else:
                swipe(page, -0.4, 0.02)
            stage.wait_for_function("turn => CW_STEP.turn > turn", arg=turn)
    view = screen.view()
    swipe(page, 0.1, -0.3)  # reads on; neither the step nor the map moves
    swipe(page, 0.02, 0.3)
    assert read(stage)["count"] == f"{len(plan)}/{len(plan)}"
    assert screen.view() == view
    swipe(page, 0.4, 0)
    stage.get_by_role("button", name="上一步").tap()
    stage.wait_for_function(f"CW_STEP.step === {len(plan) - 2}")
    assert f"step={len(plan) - 2}" in page.url
    page.set_viewport_size({"width": height, "height": width})
    stage.wait_for_function(
        "w => innerWidth === w && CW.map.getSize().x === CW.map.getContainer().clientWidth",
        arg=height,
    )
    screen.still()
    fits_a_hand(page, stage, "turned")


def swipe(page: Page, right: float, down: float) -> None:
    """One finger from the middle of where the text is; parts of the screen's width and height."""
    size = page.viewport_size
    assert size
    start = (0.75 * size["width"], 0.6 * size["height"])
    touch = page.context.new_cdp_session(page)

    def put(kind: str, share: float) -> None:
        x, y = start[0] + share * right * size["width"], start[1] + share * down * size["height"]
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    put("touchStart", 0)
    for part in range(1, 6):
        page.wait_for_timeout(20)  # a finger's pace
        put("touchMove", part / 5)
    put("touchEnd", 1)
    touch.detach()


def fits_a_hand(page: Page, stage: Frame, kind: str) -> None:
    """The map beside what is said and not beneath it, no type under 16 px, nothing to the side."""
    found = stage.evaluate(
        """() => { const seen = q => [...document.querySelectorAll(q)].filter(e => e.checkVisibility());
        const box = q => { const b = document.querySelector(q).getBoundingClientRect();
          return [b.left, b.top, b.right, b.bottom]; };
        const said = seen('.cm *').filter(e =>
          [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
        return { small: said.filter(e => parseFloat(getComputedStyle(e).fontSize) < 16).map(e => e.textContent),
          cut: said.filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
            .map(e => e.textContent),
          buttons: seen('.cm-tools button').map(b => [b.textContent, b.offsetHeight]),
          map: box('.cm-map'), text: box('.cm'), screen: [innerWidth, innerHeight],
          wide: Math.max(document.documentElement.scrollWidth, document.querySelector('.cm').scrollWidth) };
        }"""
    )
    assert found["small"] == found["cut"] == [], kind
    assert [name for name, _ in found["buttons"]] == ["‹ 上一步", "下一步 ›", "更新数据", "退出"]
    assert min(tall for _, tall in found["buttons"]) >= 44  # a thumb hits it
    width, height = found["screen"]
    assert {"width": width, "height": height} == page.viewport_size
    left, top, right, bottom = found["map"]
    assert (right - left) * (bottom - top) >= 0.4 * width * height
    assert found["text"][1] >= bottom - 1 or found["text"][0] >= right - 1
    assert found["wide"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_link_opens_a_step_and_keys_do_what_they_say(
    served: Served, new_screen: OpenScreen
) -> None:
    screen = new_screen(served)
    page, stage = screen.page, open_stage(screen, "/meeting?step=2")
    assert read(stage)["count"].startswith("2/")
    black, dot = stage.locator(".cm-black"), stage.locator(".cm-dot")
    for key in ("b", "."):
        page.keyboard.press(key)
        assert black.is_visible()
        page.keyboard.press(key)
        assert not black.is_visible()
    assert dot.is_hidden()
    page.keyboard.press("l")
    page.mouse.move(700, 500)
    box = dot.bounding_box()
    assert box
    assert (box["x"], box["y"]) == (700, 500)
    page.keyboard.press("l")
    assert dot.is_hidden()
    view = screen.view()
    page.mouse.move(400, 400)
    page.mouse.down()
    page.mouse.move(600, 450, steps=3)
    assert dot.evaluate("e => !e.hidden")
    page.mouse.up()
    assert dot.is_hidden()
    assert screen.view() == view  # pressing points; it does not drag the map

    def ink() -> int:
        number: int = stage.evaluate(
            """() => { const c = document.querySelector('.cm-ink');
            const all = c.getContext('2d').getImageData(0, 0, c.width || 1, c.height || 1).data;
            return all.filter(v => v).length; }"""
        )
        return number

    def draw() -> None:
        page.keyboard.press("d")
        page.mouse.move(500, 400)
        page.mouse.down()
        page.mouse.move(800, 600, steps=5)
        page.mouse.up()
        page.keyboard.press("d")

    draw()
    assert ink() > 1000
    press(page, stage, "ArrowRight")
    assert ink() == 0
    draw()
    page.keyboard.press("p")
    press(page, stage, "ArrowRight")
    stage.evaluate("CW_STAGE.ink.strokes.length === 1 || (() => { throw Error('lost') })()")
    page.keyboard.press("c")
    assert ink() == 0
    assert screen.latin() == []
    page.keyboard.press("b")
    page.keyboard.press("Escape")  # takes back the black first
    assert black.is_hidden()
    page.keyboard.press("Escape")
    page.wait_for_url(f"{served.url}/**", wait_until="load")
    page.locator(".st-key-cw-left").wait_for()


def test_an_agenda_of_ones_own(own_served: Served, new_screen: OpenScreen) -> None:
    """Look at something, add it, rewrite it, save it; somebody else opens the link."""
    screen = new_screen(own_served).open("/tasks")
    page = screen.page
    with screen.painted():
        page.locator(".st-key-cat-garbage button").click()
    link, question = page.url, screen.question()
    page.goto(f"{own_served.url}/meeting?edit=1")
    page.locator(".cm-entry").first.wait_for()
    screen.settled()
    number = page.locator(".cm-entry").count()
    page.get_by_label("加一个画面").fill(link)
    page.get_by_role("button", name="加入画面").click()
    page.locator(".cm-entry").nth(number).wait_for()
    for at in range(number, 0, -1):  # the new one to the front
        page.locator(".st-key-cw-agenda").get_by_role("button", name="↑").nth(at).click()
        page.locator(".cm-entry h3", has_text=re.compile(rf"^{at}\. 任务$")).wait_for()
        screen.settled()
    page.locator("summary", has_text="改写（自选画面）").click()
    page.get_by_label("标题（留空由系统写）").first.fill("<b>垃圾</b> & “任务”😀")
    page.get_by_label("一句话（留空由系统按最新数据写）").first.fill(
        "先清 <script>alert(1)</script>"
    )
    page.get_by_label("名称").click()
    screen.settled()
    page.locator(".st-key-cw-agenda").get_by_role("button", name="删除", exact=True).nth(1).click()
    screen.settled()
    page.get_by_label("名称").fill("周会 第1次")
    page.get_by_role("button", name="保存议程").click()
    page.wait_for_url("**agenda=**")
    screen.settled()
    told = page.locator("[data-testid=stCode]", has_text="agenda=").inner_text().strip()
    assert told.startswith(f"{own_served.url}/meeting?agenda=")

    plan = agenda.load(own_served.folder, "周会 第1次").steps
    assert len(plan) == number
    assert plan[0].kind == "view"
    assert plan[1].kind != "overview"
    town = own_served.town()
    assert agenda.question(town, plan[0]) == question

    other = new_screen(own_served, 1280, 720)
    stage = open_stage(other, told.removeprefix(own_served.url))
    shown = read(stage)
    assert shown["title"] == "<b>垃圾</b> & “任务”😀"
    assert shown["sentence"] == "先清 <script>alert(1)</script>"
    assert stage.locator(".cm b script, .cm-head b, .cm-said script").count() == 0
    routing = Desk(town, own_served.workspace()).routing
    lights = tasks.counts(town, question, routing).lights
    assert [f[1] for f in shown["figures"]] == [f"{lights['红']:,}", f"{lights['黄']:,}"]
    lit = tasks.on_lanes(town, question, None, routing)
    assert other.state()["lanes"]["counts"] == lit.sum(axis=1).tolist()


def test_what_cannot_be_opened_is_said_and_who_may_not_edit_only_looks(
    own_served: Served, new_screen: OpenScreen
) -> None:
    agenda.save(own_served.folder, Agenda((Step("gap"),), "周会"))
    (own_served.folder / "agenda" / "坏的.json").write_text('{"steps": [', encoding="utf-8")
    access.add(own_served.workspace(), "张某某", "八位以上的新口令", "office")
    screen = new_screen(own_served)
    for name, words in (("坏的", "已损坏"), ("没有的", "没有名为"), ("../town", "不能用作")):
        screen.page.goto(f"{own_served.url}/meeting?agenda={quote(name)}")
        screen.page.locator("[data-testid=stAlert]").first.wait_for()
        screen.settled()
        assert words in screen.text("[data-testid=stAlert]")
        assert screen.page.locator("[data-testid=stException]").count() == 0
    screen.page.goto(f"{own_served.url}/meeting?edit=1&agenda={quote('周会')}")
    screen.page.get_by_text("编排议程由创卫办进行").wait_for()
    screen.settled()
    assert screen.page.get_by_role("button", name="保存议程").count() == 0
    assert screen.page.locator(".cm-entry").count() == 0
    screen.page.get_by_text("开始会议").click()
    screen.map.wait_for_function("window.CW_STEP")
    assert read(screen.map)["count"] == "1/1"


def test_new_data_wait_for_the_presenter(own_served: Served, new_screen: OpenScreen) -> None:
    """A task is dealt with while the meeting is on; nothing moves until R."""
    kinds = [s.kind for s in Desk(own_served.town(), own_served.workspace()).usual().steps]
    screen = new_screen(own_served)
    page, stage = screen.page, open_stage(screen, f"/meeting?step={kinds.index('overdue') + 1}")
    before, state = read(stage), screen.state()
    assert before["title"].startswith("超期任务")
    note = stage.locator(".cm-note")
    assert note.is_hidden()
    repaired = mend(own_served)
    stage.wait_for_function("!document.querySelector('.cm-note').hidden")
    assert note.inner_text() == "有新数据，按 R 更新"
    assert read(stage) == before
    assert screen.state() == state
    press(page, stage, "PageDown")
    press(page, stage, "PageUp")
    assert read(stage) == before

    turn = stage.evaluate("CW_STEP.turn")
    page.keyboard.press("r")
    stage.wait_for_function("turn => CW_STEP.turn > turn", arg=turn)
    desk = Desk(own_served.town(), own_served.workspace())
    after = read(stage)
    assert note.is_hidden()
    assert after["count"] == f"{before['count'].partition('/')[0]}/{len(desk.usual().steps)}"
    told = telling.tell(desk, Step("overdue"))
    assert after["figures"] == [[f.label, f.value, f.unit] for f in told.figures]
    assert after["figures"] != before["figures"]
    press(page, stage, "PageDown")
    assert "整改前后" in read(stage)["title"]
    assert repaired in read(stage)["sentence"]
    pictures = stage.locator(".cm-pictures img")
    assert pictures.count() == 2
    assert [p.evaluate("i => i.decode().then(() => i.naturalWidth)") for p in pictures.all()] == [
        600,
        601,
    ]
    page.keyboard.press("r")
    stage.wait_for_function("document.querySelector('.cm-note').textContent === '已是最新数据'")


def mend(served: Served) -> str:
    """A task that is overdue is dealt with, with pictures of before and after; its id."""
    workspace, town = served.workspace(), served.town()
    _, rows = tasks.listed(town, Filter(), states=("dispatched",), light=tasks.RED, number=1)
    task = str(rows["task_id"].iloc[0])

    def picture(width: int) -> str:
        out = io.BytesIO()
        Image.new("RGB", (width, 400), "green").save(out, "JPEG")
        return photos.store(Path(workspace.folder), out.getvalue())

    report = workspace.read("reports", where=column("report_id", "reports") == task)
    with workspace.changing() as change:
        importing.merge(change, "reports", report.assign(photo=picture(600)))
        change.finish("test", "reports", "", Merged(0, 1, 0), 0)
    steps.act(workspace, [task], "fix", "张某某", role="office", photo=picture(601))
    return task
