"""Who may change things: accounts, passwords, and the computer that the dashboard runs on."""

import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from cwmap import access
from cwmap.account_command import account
from cwmap.errors import CwmapError
from cwmap.store import Workspace

SECRET = "白龙江-2026"


def test_without_accounts_only_this_computer_may_change(workspace: Workspace) -> None:
    for here in (None, "127.0.0.1", "::1"):
        assert access.unnamed(workspace, here).may_edit
    for there in ("10.1.2.3", "192.168.1.7", "localhost.example", ""):
        assert access.unnamed(workspace, there) == access.VISITOR
    assert not access.VISITOR.may_edit
    assert not access.VISITOR.may_act
    assert not access.VISITOR.sees_phones


def test_once_there_is_an_account_everybody_signs_in(workspace: Workspace) -> None:
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "李某某", "住建局的口令八位", "unit", "区住建局")
    assert access.unnamed(workspace, None) == access.VISITOR
    office = access.sign_in(workspace, " 张某某 ", SECRET).viewer
    unit = access.sign_in(workspace, "李某某", "住建局的口令八位").viewer
    assert office.may_edit
    assert (unit.may_edit, unit.may_act, unit.sees_phones, unit.unit) == (
        False,
        True,
        False,
        "区住建局",
    )
    said = set()
    for name, password in (
        ("张某某", "错了的口令"),
        ("没有的人", SECRET),
        ("张某某", ""),
        ("", ""),
    ):
        with pytest.raises(CwmapError) as error:
            access.sign_in(workspace, name, password)
        said.add(str(error.value))
    assert len(said) == 1  # it does not tell whether the name exists


def test_a_password_is_never_kept(workspace: Workspace) -> None:
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "王某某", SECRET, "office")
    first, second = access.accounts(workspace)
    assert first.hash != second.hash
    assert SECRET not in repr(workspace.settings())
    assert first.hash not in repr(workspace.settings())
    workspace.close()
    with closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
        assert SECRET not in "".join(file.iterdump())


def test_a_new_password_takes_the_place_of_the_old_one(workspace: Workspace) -> None:
    before = access.add(workspace, "张某某", SECRET, "office")
    with pytest.raises(CwmapError, match="已有名为“张某某”的账号"):  # not by mistake
        access.add(workspace, " 张某某 ", "另一个口令八位数", "office")
    after = access.change(workspace, "张某某", password="另一个口令八位数")
    assert access.accounts(workspace) == [after]
    assert after.seal != before.seal
    assert access.sign_in(workspace, "张某某", "另一个口令八位数") == after
    with pytest.raises(CwmapError):
        access.sign_in(workspace, "张某某", SECRET)


def test_a_change_leaves_what_it_does_not_name(workspace: Workspace) -> None:
    access.add(workspace, "张某某", SECRET, "office")
    first = access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    moved = access.change(workspace, "李某某", unit="区城管局")
    assert (moved.role, moved.unit) == ("unit", "区城管局")
    leader = access.change(workspace, "李某某", role="leader", unit="")
    assert access.sign_in(workspace, "李某某", SECRET) == leader
    assert len({first.seal, moved.seal, leader.seal}) == 3
    for wrong in ({"role": "unit", "unit": " "}, {"role": "boss"}, {"password": "短"}):
        with pytest.raises(CwmapError):
            access.change(workspace, "李某某", **wrong)
    with pytest.raises(CwmapError, match="现有账号：张某某、李某某"):
        access.change(workspace, "王某某", role="leader")
    assert leader in access.accounts(workspace)


def test_nobody_is_locked_out(workspace: Workspace) -> None:
    with pytest.raises(CwmapError, match="至少要有一个创卫办的账号"):
        access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    assert access.accounts(workspace) == []
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    for may_empty in (False, True):
        with pytest.raises(CwmapError, match="至少要有一个创卫办的账号"):
            access.remove(workspace, "张某某", may_empty=may_empty)
    with pytest.raises(CwmapError, match="至少要有一个创卫办的账号"):
        access.change(workspace, "张某某", role="leader")
    with pytest.raises(CwmapError, match="现有账号：张某某、李某某"):
        access.remove(workspace, "王某某")
    access.remove(workspace, "李某某")
    with pytest.raises(CwmapError, match="至少要有一个创卫办的账号"):
        access.remove(workspace, "张某某")
    access.remove(workspace, "张某某", may_empty=True)
    assert access.unnamed(workspace, None) == access.OWNER


def test_the_command_line_makes_changes_and_removes(workspace: Workspace) -> None:
    def run(*words: str, said: str = "") -> str:
        given = [*words, "-w", str(workspace.folder)]
        answer = CliRunner().invoke(account, given, input=said, standalone_mode=False)
        if answer.exception:
            raise answer.exception
        assert SECRET not in answer.output
        return answer.output

    run("add", "张某某", said=f"{SECRET}\n{SECRET}\n")
    run("add", "李某某", "--role", "unit", "--unit", "区住建局", "--password", SECRET)
    assert "李某某（责任单位，区城管局）" in run("change", "李某某", "--unit", "区城管局")
    run("change", "张某某", "--password", said="另一个口令八位数\n另一个口令八位数\n")
    access.sign_in(workspace, "张某某", "另一个口令八位数")
    access.sign_in(workspace, "李某某", SECRET)
    assert "张某某（创卫办）" in run("list")
    run("remove", "李某某")
    run("remove", "张某某")
    assert access.accounts(workspace) == []


@pytest.mark.parametrize(
    ("name", "password", "role", "unit"),
    [
        ("", SECRET, "office", ""),
        ("甲", "短", "office", ""),
        ("甲", SECRET, "boss", ""),
        ("甲", SECRET, "unit", " "),
    ],
)
def test_unfit_accounts_are_refused(
    workspace: Workspace, name: str, password: str, role: str, unit: str
) -> None:
    with pytest.raises(CwmapError):
        access.add(workspace, name, password, role, unit)
    assert access.accounts(workspace) == []
