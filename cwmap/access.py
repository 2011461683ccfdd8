"""Who may change things (权限). To look needs no account; to change does, once there is one.

As long as an office has made no account, the computer that the dashboard runs on may do everything
and all others may look. Passwords are kept as salted scrypt hashes (RFC 7914) only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
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

    @property
    def said(self) -> str:
        """The account in words, without what is secret."""
        return f"{self.name}（{ROLES[self.role]}{self.unit and '，'}{self.unit}）"

    @property
    def seal(self) -> str:
        """Another one as soon as anything of the account is changed, or it is made anew."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def accounts(workspace: Workspace) -> list[Account]:
    """All accounts, by name."""
    return [Account(**each) for each in workspace.settings().accounts]


def add(workspace: Workspace, name: str, password: str, role: str, unit: str = "") -> Account:
    """Make an account; CwmapError says what is unfit, or that there is one of this name."""
    made = Account(name.strip(), role, _unit(role, unit), *_salted(password))
    if not made.name:
        raise CwmapError("账号需要一个名字；请填写姓名或科室。")
    with _changing(workspace) as known:
        if made.name in known:
            raise CwmapError(f"已有名为“{made.name}”的账号；请换一个名字，或修改原有的账号。")
        known[made.name] = made
    return made


def change(
    workspace: Workspace, name: str, *, role: str | None = None, unit: str | None = None,
    password: str = "",
) -> Account:  # fmt: skip
    """Give an account another role, unit or password; what is None or empty stays as it is."""
    fresh = _salted(password) if password else None
    with _changing(workspace) as known:
        old = _named(known, name)
        role = old.role if role is None else role
        unit = _unit(role, old.unit if unit is None else unit)
        made = known[name] = Account(name, role, unit, *(fresh or (old.salt, old.hash)))
    return made


def remove(workspace: Workspace, name: str, *, may_empty: bool = False) -> None:
    """Take an account away. `may_empty`: even the only one, after which this computer's user may all."""
    with _changing(workspace, may_empty=may_empty) as known:
        del known[_named(known, name).name]


def sign_in(workspace: Workspace, name: str, password: str) -> Account:
    """The account of a name and password; CwmapError, the same for a wrong name and password."""
    known = next((a for a in accounts(workspace) if a.name == name.strip()), None)
    salt, right = (known.salt, known.hash) if known else ("", "")
    if not hmac.compare_digest(_hash(password, salt), right) or known is None:
        raise CwmapError("账号或口令不对；请重新输入，或请创卫办重设。")
    return known


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


def _unit(role: str, unit: str) -> str:
    """The unit as it is kept; CwmapError for a role that there is not, or a unit without a name."""
    if role not in ROLES:
        raise CwmapError(f"没有“{role}”这种身份；可用的有：{'、'.join(ROLES)}。")
    if role == "unit" and not unit.strip():
        raise CwmapError("责任单位的账号要写明是哪个单位；请补上单位名称。")
    return unit.strip()


def _salted(password: str) -> tuple[str, str]:
    """A new salt, and the hash of a password with it."""
    if len(password) < SHORTEST:
        raise CwmapError(f"口令太短；请至少用 {SHORTEST} 个字符。")
    salt = secrets.token_hex(16)
    return salt, _hash(password, salt)


def _hash(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), **_COST).hex()


def _named(known: dict[str, Account], name: str) -> Account:
    if name not in known:
        raise CwmapError(f"没有名为“{name}”的账号；现有账号：{'、'.join(known) or '（无）'}。")
    return known[name]


@contextmanager
def _changing(workspace: Workspace, *, may_empty: bool = False) -> Iterator[dict[str, Account]]:
    """The accounts by name, to be changed in one transaction that leaves somebody who may manage."""
    with workspace.changing() as transaction:
        rows = transaction.settings.accounts
        known = {row["name"]: Account(**row) for row in rows}
        yield known
        managed = any(account.viewer.may_edit for account in known.values())
        if not managed and not (may_empty and not known):
            raise CwmapError("至少要有一个创卫办的账号，否则谁也不能修改；请先建一个创卫办的账号。")
        transaction.set(accounts=[asdict(known[name]) for name in sorted(known)])
