"""Who may change things (权限). To look needs no account; to change does, once there is one.

As long as an office has made no account, the computer that the dashboard runs on may do everything
and all others may look. Passwords are kept as salted scrypt hashes (RFC 7914) only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from ipaddress import ip_address

from cwmap.errors import CwmapError
from cwmap.store import Workspace

ROLES = {"office": "创卫办", "unit": "责任单位", "leader": "领导"}
"""office: changes everything. unit: the tasks that it leads or helps with. leader: looks, phones too."""
SHORTEST = 8
_COST = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks: `name` as kept in histories, `unit` for the tasks that are theirs."""

    name: str
    role: str = "viewer"
    unit: str = ""

    @property
    def may_edit(self) -> bool:
        """May change the register, the rules and any task."""
        return self.role == "office"

    @property
    def may_act(self) -> bool:
        """May move tasks on: the office any, a unit its own."""
        return self.role in ("office", "unit")

    @property
    def sees_phones(self) -> bool:
        """Phone numbers are shown in full."""
        return self.role in ("office", "leader")


VISITOR = Viewer("访客")
OWNER = Viewer("本机", "office")


@dataclass(frozen=True)
class Account:
    """An account as it is kept."""

    name: str
    role: str
    unit: str
    salt: str
    hash: str

    @property
    def viewer(self) -> Viewer:
        """Whom this account stands for."""
        return Viewer(self.name, self.role, self.unit)


def accounts(workspace: Workspace) -> list[Account]:
    """All accounts, by name."""
    return [Account(**each) for each in workspace.settings().accounts]


def add(workspace: Workspace, name: str, password: str, role: str, unit: str = "") -> Account:
    """Make an account, or give an existing one a new password and role; CwmapError says what is unfit."""
    name, unit = name.strip(), unit.strip()
    if not name:
        raise CwmapError("账号需要一个名字；请填写姓名或科室。")
    if role not in ROLES:
        raise CwmapError(f"没有“{role}”这种身份；可用的有：{'、'.join(ROLES)}。")
    if role == "unit" and not unit:
        raise CwmapError("责任单位的账号要写明是哪个单位；请补上单位名称。")
    if len(password) < SHORTEST:
        raise CwmapError(f"口令太短；请至少用 {SHORTEST} 个字符。")
    salt = secrets.token_hex(16)
    made = Account(name, role, unit, salt, _hash(password, salt))
    _save(workspace, [*(a for a in accounts(workspace) if a.name != name), made])
    return made


def remove(workspace: Workspace, name: str) -> None:
    """Take an account away; CwmapError if there is none of this name, or it is the last office's."""
    known = accounts(workspace)
    left = [account for account in known if account.name != name]
    if len(left) == len(known):
        names = "、".join(account.name for account in known) or "（无）"
        raise CwmapError(f"没有名为“{name}”的账号；现有账号：{names}。")
    if left and not any(account.role == "office" for account in left):
        raise CwmapError("这是最后一个创卫办账号，删掉后没有人能修改；请先另建一个创卫办账号。")
    _save(workspace, left)


def sign_in(workspace: Workspace, name: str, password: str) -> Viewer:
    """Whom a name and password stand for; CwmapError, the same for a wrong name and password."""
    known = next((a for a in accounts(workspace) if a.name == name.strip()), None)
    salt, right = (known.salt, known.hash) if known else ("", "")
    if not hmac.compare_digest(_hash(password, salt), right) or known is None:
        raise CwmapError("账号或口令不对；请重新输入，或请创卫办重设。")
    return known.viewer


def unnamed(workspace: Workspace, address: str | None) -> Viewer:
    """Who somebody without an account is; `address`: of their computer, None for this one."""
    if workspace.settings().accounts:
        return VISITOR
    return OWNER if address is None or _is_here(address) else VISITOR


def _is_here(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _hash(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), **_COST).hex()


def _save(workspace: Workspace, kept: Iterable[Account]) -> None:
    rows = [asdict(account) for account in sorted(kept, key=lambda account: account.name)]
    if rows and not any(row["role"] == "office" for row in rows):
        raise CwmapError("第一个账号须是创卫办的；请先建创卫办账号，再建其他账号。")
    with workspace.changing() as change:
        change.set(accounts=rows)
