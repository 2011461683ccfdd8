"""`cwmap account`: the same as on the page 数据 → 账号, for whoever sits at the serving computer."""

from __future__ import annotations

from pathlib import Path

import click

from cwmap import console
from cwmap.console import argument, json_option, say, workspace_option

# As in `cwmap.cli`, what a command needs is imported when it runs.
_ROLES = "office 创卫办、unit 责任单位、leader 领导"


@click.group("account", cls=console.ChineseGroup)
def account() -> None:
    """账号：谁可以修改；没有账号时，只有运行看板的这台电脑可以。"""


@account.command("add")
@argument("name", "账号")
@workspace_option
@click.option("--role", default="office", help=f"身份：{_ROLES}")
@click.option("--unit", default="", help="责任单位的名称")
@click.option(
    "--password", prompt="口令", hide_input=True, confirmation_prompt="再输一遍", help="口令"
)
def account_add(name: str, workspace: Path, role: str, unit: str, password: str) -> None:
    """新建账号。"""
    from cwmap import access
    from cwmap.store import Workspace

    made = access.add(Workspace.open(workspace), name, password, role, unit)
    say({}, False, [f"已新建账号：{made.said}"])


@account.command("change")
@argument("name", "账号")
@workspace_option
@click.option("--role", help=f"新的身份：{_ROLES}；不写则不变")
@click.option("--unit", help="新的责任单位名称；不写则不变")
@click.option(
    "--password", prompt="新口令", prompt_required=False, hide_input=True,
    confirmation_prompt="再输一遍", default="", show_default=False, help="新口令；只写 --password 时会询问，不写则不变",
)  # fmt: skip
def account_change(
    name: str, workspace: Path, role: str | None, unit: str | None, password: str
) -> None:
    """修改账号的身份、单位或口令；已登录的浏览器随即退出。"""
    from cwmap import access
    from cwmap.store import Workspace

    made = access.change(Workspace.open(workspace), name, role=role, unit=unit, password=password)
    say({}, False, [f"已修改账号：{made.said}"])


@account.command("remove")
@argument("name", "账号")
@workspace_option
def account_remove(name: str, workspace: Path) -> None:
    """删除账号；删掉唯一的账号后，又只有运行看板的这台电脑可以修改。"""
    from cwmap import access
    from cwmap.store import Workspace

    # Whoever has this command line has the file anyway: it may lead back to no accounts at all.
    access.remove(Workspace.open(workspace), name, may_empty=True)
    say({}, False, [f"已删除账号：{name}"])


@account.command("list")
@workspace_option
@json_option
def account_list(workspace: Path, as_json: bool) -> None:
    """列出账号。"""
    from cwmap import access
    from cwmap.store import Workspace

    known = access.accounts(Workspace.open(workspace))
    rows = [{"name": a.name, "role": a.role, "unit": a.unit} for a in known]
    lines = [f"  {a.said}" for a in known]
    say({"accounts": rows}, as_json, lines or ["还没有账号：只有运行看板的这台电脑可以修改。"])
