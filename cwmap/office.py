"""What the office decides once: shown and changed on the command line and on the page 数据."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cwmap.errors import CwmapError
from cwmap.store import Merged, Settings, Workspace
from cwmap.worktime import Calendar

LABELS = {
    "name": "城镇名称", "office": "办公室", "hotline": "监督电话", "address": "看板网址", "hours": "上班时间",
    "workdays": "工作日", "boards_show_phones": "公示牌印电话", "review": "审图号",
}  # fmt: skip
WORKDAYS = {"calendar": "国家节假日和调休", "daily": "天天上班"}
_LONGEST = 60


def settings(workspace: Workspace) -> dict[str, Any]:
    """The settings that an office changes, by name."""
    now = workspace.settings()
    return {name: getattr(now, name) for name in LABELS}


def change(workspace: Workspace, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings, all or none; returns them as they are then. CwmapError says what is unfit."""
    now = workspace.settings()
    new = {name: _checked(name, value) for name, value in wanted.items()}
    _check_hours(now, new)
    if any(getattr(now, name) != value for name, value in new.items()):
        with workspace.changing() as step:
            step.set(**new)
            step.finish("settings", "设置", "", Merged(0, 0, 0), 0)
    return settings(workspace)


def _checked(name: str, value: Any) -> Any:
    if name == "boards_show_phones":
        return bool(value)
    text = str(value).strip()
    if len(text) > _LONGEST:
        raise CwmapError(f"{LABELS[name]}太长；请不要超过 {_LONGEST} 个字。")
    if name == "name" and not text:
        raise CwmapError("城镇名称不能为空；请填写名称。")
    if name == "workdays" and text not in WORKDAYS:
        raise CwmapError(f"工作日只能是 {'、'.join(WORKDAYS)}；请改正。")
    if name == "address" and text:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise CwmapError("看板网址要写全，如 http://10.1.2.3:8501；请改正。")
        text = text.rstrip("/")
    return text


def _check_hours(now: Settings, new: Mapping[str, Any]) -> None:
    hours, workdays = (new.get(name, getattr(now, name)) for name in ("hours", "workdays"))
    Calendar(hours, workdays, now.timezone)


def shown(value: Any) -> str:
    """A setting's value in Chinese."""
    if isinstance(value, bool):
        return "是" if value else "否"
    return WORKDAYS.get(value, value) or "（未填）"
