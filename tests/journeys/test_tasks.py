"""任务 as its users have it: from what is overdue to a verified repair; workbooks out and back."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from pathlib import Path

import openpyxl
from PIL import Image
from playwright.sync_api import TimeoutError as Waited

from cwmap import access
from cwmap.filters import Filter
from cwmap.tables import STATE
from cwmap.tasks import routing, steps, tasks
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

CARD = ".st-key-cw-right .cw-card"


def picture(path: Path, colour: str) -> Path:
    Image.new("RGB", (900, 600), colour).save(path, "JPEG")
    return path


def do(screen: Screen, action: str, **fields: str) -> None:
    """Take a step on the open card."""
    page = screen.page
    form = page.locator(".st-key-cw-act [data-testid=stForm]")
    button = form.get_by_role("button", name=action, exact=True)
    for _ in range(6):  # new data may draw the page anew under the click
        choice = page.locator(".st-key-cw-act").get_by_role("radio", name=action, exact=True)
        if choice.get_attribute("aria-checked") != "true":
            choice.click()
        with suppress(Waited):
            button.wait_for(timeout=8_000)
            break
    screen.settled()
    form.get_by_label("经办人").fill("张某某")
    for label, text in fields.items():
        if label == "照片":
            form.locator("input[type=file]").set_input_files(text)
            form.get_by_text(Path(text).name).wait_for()
        else:
            form.get_by_label(label).fill(text)
    button.click()


def state_now(screen: Screen, word: str) -> None:
    screen.page.locator(".cw-card .cw-light", has_text=word).wait_for()
    screen.settled()


def test_a_problem_is_followed_to_its_end(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    town, rules = own_served.town(), routing.load(own_served.folder, own_served.town().categories)
    screen = new_screen(own_served).open("/tasks?list=new")
    page = screen.page
    question = screen.question()
    counted = tasks.counts(town, question, rules)
    assert screen.metrics()["红灯"] == f"{counted.lights['红']:,}"
    assert screen.metrics()["待核查"] == f"{counted.states['checking']:,}"
    total, rows = tasks.listed(town, question, states=("reported", "accepted"), rules=rules)
    assert f"{total:,} 件" in screen.text(".st-key-cw-right .cw-hint")
    task_id = str(rows["task_id"].iloc[0])
    page.locator(".st-key-task-0 button").click()
    page.locator(CARD).first.wait_for()
    assert task_id in screen.text(CARD)
    if rows["state"].iloc[0] == "reported":
        do(screen, "受理")
        state_now(screen, "受理")
    do(screen, "派遣")
    state_now(screen, "派遣")
    do(
        screen,
        "处置完成",
        情况说明="已清运<b>干净</b>",
        照片=str(picture(tmp_path / "a.jpg", "green")),
    )
    state_now(screen, "核查")
    assert "已清运<b>干净</b>" in screen.text(CARD)  # as text
    shown = page.locator(".cw-sides img")
    shown.first.wait_for()
    assert shown.first.evaluate("i => i.decode().then(() => i.naturalWidth)") == 900
    do(screen, "返工", 原因="还有一处")
    state_now(screen, "返工")
    do(screen, "处置完成", 情况说明="已补做")
    state_now(screen, "核查")
    do(screen, "核查通过")
    state_now(screen, "结案")
    done = steps.history(own_served.workspace(), task_id)
    acted = done.loc[~done["derived"].astype(bool), ["action", "who"]].tail(5)
    assert acted["action"].tolist() == ["assign", "fix", "rework", "fix", "close"]
    assert set(acted["who"]) == {"张某某"}
    report = own_served.workspace().read("reports", ["report_id", "status"]).set_index("report_id")
    assert report.loc[task_id, "status"] == "verified"
    assert screen.latin() == []


def test_a_workbook_goes_out_and_comes_back(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    town, rules = own_served.town(), routing.load(own_served.folder, own_served.town().categories)
    owners = tasks.counts(town, Filter(), rules).owners
    unit = str(owners.sort_values("running", ascending=False)["owner"].iloc[0])
    screen = new_screen(own_served).open(f"/tasks?unit={unit}")
    page = screen.page
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("任务书$")).click()
    book = openpyxl.load_workbook(io.BytesIO(waiting.value.path().read_bytes()))
    sheet = book["任务清单"]
    head = {cell.value: cell.column for cell in sheet[1]}
    waits = [r for r in range(2, sheet.max_row + 1) if sheet.cell(r, head["任务编号"]).value]
    assert len(waits) >= 3
    for row, word in ((waits[0], "处置完成"), (waits[1], "飞走了")):
        sheet.cell(row, head["任务状态"]).value = word
        sheet.cell(row, head["处置情况"]).value = "已办好"
    ids = [str(sheet.cell(row, head["任务编号"]).value) for row in waits[:3]]
    back = tmp_path / "回收.xlsx"
    book.save(back)

    page.get_by_text("回收任务书").click()
    page.locator(".st-key-cw-books input[type=file]").set_input_files(back)
    page.get_by_text(re.compile("要改 1 件")).wait_for()
    page.locator(".st-key-cw-books").get_by_text("飞走了").wait_for()
    page.get_by_role("button", name="收录 1 件改动").click()
    page.get_by_text(re.compile("已收录：改 1 件")).wait_for()
    stored = (
        own_served.workspace().read("tasks", ["task_id", "state"]).set_index("task_id")["state"]
    )
    assert stored[ids[0]] == "checking"
    assert ids[2] not in stored.index or STATE.shown(stored[ids[2]]) != "核查"


def test_who_may_not_act_only_looks(own_served: Served, new_screen: OpenScreen) -> None:
    workspace = own_served.workspace()
    access.add(workspace, "张某某", "八位以上的新口令", "office")
    screen = new_screen(own_served).open("/tasks?list=checking")
    page = screen.page
    page.locator(".st-key-task-0 button").click()
    page.locator(CARD).first.wait_for()
    screen.settled()
    assert page.locator(".st-key-cw-act").count() == 0
    page.locator(".st-key-cw-account button").first.click()
    for password, said in (("错的口令错的口令", "账号或口令不对"), ("八位以上的新口令", "")):
        page.get_by_label("账号").fill("张某某")
        page.get_by_label("口令", exact=True).fill(password)
        page.get_by_role("button", name="登录", exact=True).last.click()
        if said:
            page.get_by_text(said).wait_for()
    page.locator(".st-key-cw-act").wait_for()
