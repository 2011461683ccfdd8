"""Signing in stays: over a reload, in a new tab, until somebody signs out or the account is gone."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from cwmap import access, signin
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

SECRET = "八位以上的新口令"


def sign_in(screen: Screen, name: str, password: str) -> None:
    page = screen.page
    page.locator(".st-key-cw-account button").first.click()
    page.get_by_label("账号", exact=True).fill(name)
    page.get_by_label("口令", exact=True).fill(password)
    with page.expect_response("**/cwmap/session") as answer:
        page.get_by_role("button", name="登录", exact=True).last.click()
    assert answer.value.status == 204
    assert password not in answer.value.request.url
    who(screen, name)
    page.keyboard.press("Escape")


def who(screen: Screen, name: str) -> None:
    """Wait until a tab says who looks; 登录: nobody."""
    expect(screen.page.locator(".st-key-cw-account button").first).to_contain_text(name)
    screen.settled()


def again(screen: Screen) -> None:
    screen.page.reload()
    screen.page.locator(".st-key-cw-page h1").wait_for()
    screen.settled()


def new_tab(screen: Screen, path: str) -> Screen:
    return Screen(screen.page.context.new_page(), screen.url).open_page(path)


def test_signed_in_stays_until_signed_out(own_served: Served, new_screen: OpenScreen) -> None:
    workspace = own_served.workspace()
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    screen = new_screen(own_served).open_page("/data")
    tab = screen.page.get_by_role("tab", name="账号")
    assert tab.count() == 0
    sign_in(screen, "张某某", SECRET)
    tab.wait_for()
    again(screen)
    who(screen, "张某某")
    tab.wait_for()
    second = new_tab(screen, "/reports")
    who(second, "张某某")
    cookie = next(c for c in screen.page.context.cookies() if c["name"].startswith("cwmap-"))
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert cookie["value"] not in screen.page.evaluate("document.cookie")

    # Another browser is nobody, then somebody else.
    other = new_screen(own_served).open_page("/data")
    who(other, "登录")
    sign_in(other, "李某某", SECRET)
    again(other)
    who(other, "李某某")
    again(screen)
    who(screen, "张某某")

    with second.page.expect_response("**/cwmap/session"):
        second.page.locator(".st-key-cw-account button").first.click()
        second.page.get_by_role("button", name="退出登录").click()
    who(second, "登录")
    again(screen)
    who(screen, "登录")
    assert tab.count() == 0
    assert all(c["name"] != cookie["name"] for c in screen.page.context.cookies())
    # Not even with the cookie as somebody may have kept it.
    thief = new_screen(own_served)
    thief.page.context.add_cookies([cookie])
    thief.open_page("/data")
    who(thief, "登录")
    again(other)
    who(other, "李某某")
    access.remove(workspace, "李某某")
    again(other)
    who(other, "登录")


def test_accounts_are_managed_on_the_page(own_served: Served, new_screen: OpenScreen) -> None:
    workspace = own_served.workspace()
    screen = new_screen(own_served).open_page("/data")
    page, rows = screen.page, screen.page.locator(".st-key-cw-accounts")

    def open_tab() -> None:
        page.get_by_role("tab", name="账号").click()
        rows.wait_for()
        screen.settled()

    def done(said: str) -> None:
        page.get_by_text(said).first.wait_for()
        screen.settled()

    def make(name: str, password: str, again: str) -> None:
        if not page.get_by_label("姓名或科室").is_visible():
            rows.get_by_role("button", name="新建账号").click()
        page.get_by_label("姓名或科室").fill(name)
        page.get_by_label("口令", exact=True).fill(password)
        page.get_by_label("再输一遍").fill(again)
        page.get_by_role("button", name="新建", exact=True).click()

    open_tab()
    rows.get_by_text("还没有账号").wait_for()
    make("张某某", SECRET, SECRET + "？")
    done("两次输入的口令不同")
    assert access.accounts(workspace) == []
    with page.expect_response("**/cwmap/session"):  # the first one is signed in at once
        make("张某某", SECRET, SECRET)
    done("已新建账号：张某某")
    who(screen, "张某某")
    assert rows.get_by_role("button", name="删除").is_disabled()
    make("张某某", SECRET, SECRET)
    done("已有名为“张某某”的账号")
    make("<b>李</b>*某*", SECRET, SECRET)
    done("已新建账号：<b>李</b>*某*")
    assert [a.name for a in access.accounts(workspace)] == ["<b>李</b>*某*", "张某某"]
    assert screen.latin() == []

    # Another one's role; the own password, by which one stays signed in here and nowhere else.
    rows.get_by_role("button", name="修改").first.click()
    page.get_by_role("combobox", name="身份").click()
    page.get_by_role("option").filter(has_text="领导").click()
    page.get_by_role("button", name="保存", exact=True).click()
    done("已修改账号：<b>李</b>*某*")
    assert access.accounts(workspace)[0].role == "leader"
    elsewhere = new_screen(own_served).open_page("/data")
    sign_in(elsewhere, "张某某", SECRET)
    rows.get_by_role("button", name="修改").last.click()
    page.get_by_label("新口令").fill("另一个口令八位数")
    page.get_by_label("再输一遍").fill("另一个口令八位数")
    with page.expect_response("**/cwmap/session"):
        page.get_by_role("button", name="保存", exact=True).click()
    done("已修改账号：张某某")
    again(screen)
    who(screen, "张某某")
    again(elsewhere)
    who(elsewhere, "登录")

    open_tab()
    rows.get_by_role("button", name="删除").first.click()
    page.get_by_text(re.compile("删除账号“<b>李</b>")).wait_for()
    assert len(access.accounts(workspace)) == 2
    page.get_by_role("button", name="确认删除").click()
    done("已删除账号")
    assert [a.name for a in access.accounts(workspace)] == ["张某某"]
    kept = (own_served.folder / signin.FILE).read_text(encoding="utf-8")
    assert "口令" not in kept
    assert "口令" not in (own_served.folder.parent / "server.log").read_text(encoding="utf-8")
