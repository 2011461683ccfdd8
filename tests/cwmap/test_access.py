"""Who may change things: accounts, passwords, and the computer that the dashboard runs on."""

import sqlite3
from contextlib import closing

import pytest

from cwmap import access
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
    office = access.sign_in(workspace, " 张某某 ", SECRET)
    unit = access.sign_in(workspace, "李某某", "住建局的口令八位")
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
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "张某某", "另一个口令八位数", "office")
    assert [a.name for a in access.accounts(workspace)] == ["张某某"]
    access.sign_in(workspace, "张某某", "另一个口令八位数")
    with pytest.raises(CwmapError):
        access.sign_in(workspace, "张某某", SECRET)


def test_nobody_is_locked_out(workspace: Workspace) -> None:
    with pytest.raises(CwmapError, match="第一个账号须是创卫办"):
        access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    access.add(workspace, "张某某", SECRET, "office")
    access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    with pytest.raises(CwmapError, match="最后一个创卫办账号"):
        access.remove(workspace, "张某某")
    with pytest.raises(CwmapError, match="现有账号：张某某、李某某"):
        access.remove(workspace, "王某某")
    access.remove(workspace, "李某某")
    access.remove(workspace, "张某某")
    assert access.unnamed(workspace, None) == access.OWNER


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
