"""The agenda of a meeting (议程): what is shown, in which order; kept as <workspace>/agenda/<name>.json.

A step says what to show, never a number: numbers are told when it is shown (`cwmap.meeting.telling`), so
that an agenda of last week shows this week. An agenda that is replaced goes to agenda/history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

from cwmap import versions
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town

KINDS = {
    "overview": "总体情况", "spot-1": "热点一", "spot-2": "热点二", "spot-3": "热点三", "gap": "本期缺口",
    "ranking": "红黑榜", "overdue": "超期任务", "photos": "整改前后", "asked": "请谁做什么",
    "view": "自选画面",
}  # fmt: skip
"""What a step may tell: word of the file → Chinese. `view` is a page as somebody looked at it."""
FIGURES = {
    "reports": "上报问题", "change": "较上期", "open": "待办", "overdue": "超期未办",
    "closed": "已处置", "in_time": "本期按期率",
}  # fmt: skip
"""Figures that a `view` may show beside its map, of its filter, where its page is not in `OWN_FIGURES`."""
PAGES = ("map", "hotspots", "duties", "assessment", "tasks", "gaps")
"""Pages whose map a step can show."""
OWN_FIGURES = ("assessment", "tasks", "gaps")
"""Pages that speak of something else than the reports of a filter."""
VIEWS = {
    "hotspots": {"now": "现状", "change": "变化", "rhythm": "节律", "pair": "叠加"},
    "assessment": {"week": "周评比", "day": "督导通报", "month": "月奖惩", "fair": "公平"},
}
"""Of pages with several views: those whose map a step can show."""
MOST_STEPS = 60
DAYS = 30

_FOLDER = "agenda"
_LONGEST = {"title": 60, "address": 4000, "sentence": 300}
_NO_NAME = re.compile(r'[\\/:*?"<>|#%&+\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One view of a meeting. What is left empty is told by cwmap itself.

    address: page and query as in a link, as `hotspots?category=garbage&at=33.4,104.9,16`; its word
    `days` means the last so many days of the records, in place of from and to. figures: at most
    two of `FIGURES`, of kind `view` only. pictures: at most two photos of the workspace, by name.
    """

    kind: str = "view"
    address: str = "map"
    title: str = ""
    sentence: str = ""
    figures: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """One of `PAGES`."""
        return urlsplit(self.address).path

    @property
    def words(self) -> dict[str, str]:
        """The query of the address."""
        return dict(parse_qsl(urlsplit(self.address).query))

    @property
    def at(self) -> tuple[float, float, float] | None:
        """Latitude, longitude and zoom of the map, None where the step itself says where to look."""
        try:
            lat, lon, zoom = (float(word) for word in self.words.get("at", "").split(","))
        except ValueError:
            return None
        seen = -90 <= lat <= 90 and -180 <= lon <= 180 and 0 <= zoom <= 22
        return (lat, lon, zoom) if seen else None


@dataclass(frozen=True)
class Agenda:
    """Steps in their order. name: of its file, empty for one that was not saved."""

    steps: tuple[Step, ...]
    name: str = ""


def usual(spots: int, photos: bool) -> Agenda:
    """The agenda that makes itself. spots: how many hot spots there are; photos: whether a task has
    pictures of before and after (`cwmap.meeting.desk.Desk` knows both).
    """
    wanted = {f"spot-{k}": k <= spots for k in (1, 2, 3)} | {"photos": photos, "view": False}
    return Agenda(tuple(Step(kind) for kind in KINDS if wanted.get(kind, True)))


def question(town: Town, step: Step) -> Filter:
    """The filter of a step; without a period, the last 30 days of the records."""
    words = step.words
    asked = Filter.from_query(words)
    if asked.start or asked.end:
        return asked
    given = words.get("days", "")
    days = int(given) if given.isdecimal() and 0 < int(given) <= 36_600 else DAYS
    return replace(asked, start=town.as_of - timedelta(days=days - 1), end=town.as_of)


def viewed(town: Town, link: str) -> Step:
    """The step that shows what a link to a page shows, or only its part from the page's name on.

    A period that ends with the records becomes the last so many days, and moves on with them.
    CwmapError where it is no link to a page with a map, or its filter means nothing.
    """
    parts = urlsplit(link.strip())
    page = parts.path.rstrip("/").rpartition("/")[2] or "map"
    if page not in PAGES:
        raise CwmapError(
            "这个地址不是带地图的页面；请在“一张图”“热点”“责任”“考核”“任务”或“缺口”页调好画面，"
            "再把浏览器地址栏里的整个地址贴进来。"
        )
    words = {k: v for k, v in parse_qsl(parts.query) if k not in ("agenda", "step", "edit")}
    _refuse_unshown(page, words)
    asked = Filter.from_query(words)
    town.view(asked)
    if asked.start and asked.end == town.as_of:
        words = {k: v for k, v in words.items() if k not in ("from", "to")}
        words["days"] = str((asked.end - asked.start).days + 1)
    query = urlencode(words, safe=",:")
    return Step(address=f"{page}?{query}" if query else page, figures=("reports", "overdue"))


def _refuse_unshown(page: str, words: Mapping[str, str]) -> None:
    """Refuse a view that would be shown otherwise than it was looked at."""
    shown = VIEWS.get(page, {})
    if words.get("view") and shown and words["view"] not in shown:
        raise CwmapError(
            f"这一页能放进议程的画面有：{'、'.join(shown.values())}；请先切换到其中一种，再贴地址。"
        )


# Kept in the workspace ---------------------------------------------------------------------------


def names(workspace: Path) -> list[str]:
    """Names of the saved agendas, in order."""
    return sorted(path.stem for path in (workspace / _FOLDER).glob("*.json"))


def history(workspace: Path, name: str) -> list[Path]:
    """What was saved under a name before, newest first."""
    return versions.earlier(_path(workspace, name))


def load(workspace: Path, name: str) -> Agenda:
    """A saved agenda, checked. CwmapError where there is none or its file is damaged."""
    path = _path(workspace, name)
    if not path.is_file():
        raise CwmapError(f"没有名为“{name}”的议程；请检查链接，或在“会议”页的编排里另选一个。")
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CwmapError(f"读不到议程“{name}”；请检查文件夹的权限后再试。") from error
    except (ValueError, RecursionError) as error:
        raise CwmapError(
            f"议程“{name}”的文件已损坏；请从“agenda/history”里找回较早的一份，或重新编排后保存。"
        ) from error
    return Agenda(_Check(f"议程“{name}”").steps(values), name)


def save(workspace: Path, agenda: Agenda) -> Path:
    """Store an agenda under its name, all of it or nothing; the one before goes to the history.

    CwmapError for a name that no file can have, steps that nobody could open, or a full disk.
    """
    path = _path(workspace, agenda.name)
    content = {"steps": [asdict(step) for step in agenda.steps]}
    text = json.dumps(content, ensure_ascii=False, indent=1)
    _Check("这个议程").steps(json.loads(text))
    try:
        versions.write(path, text)
    except OSError as error:
        raise CwmapError(
            f"议程没有保存：“{path.parent}”写不进去；请检查写权限和磁盘空间。"
        ) from error
    return path


def remove(workspace: Path, name: str) -> None:
    """Take an agenda out of the list; its file stays in the history."""
    path = _path(workspace, name)
    try:
        versions.keep(path)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CwmapError(f"议程“{name}”删不掉；请检查文件夹的写权限。") from error


def _path(workspace: Path, name: str) -> Path:
    """The file of an agenda; only names that every system can store, in this one folder."""
    bad = _NO_NAME.search(name) or _DEVICES.fullmatch(name) or name != name.strip(" .")
    if bad or not 0 < len(name.encode()) <= 180:
        raise CwmapError(
            f"“{name[:40]}”不能用作议程的名称；请用 60 个字以内的汉字、字母、数字、空格或短横线，"
            "不以空格或句点开头结尾。"
        )
    return workspace / _FOLDER / f"{name}.json"


class _Check:
    """Reads what a file holds, and says what is wrong with it."""

    def __init__(self, called: str) -> None:
        self._called, self._where = called, ""

    def steps(self, values: Any) -> tuple[Step, ...]:
        entries = values.get("steps") if isinstance(values, dict) else None
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            self._fail("里没有一列步骤")
        if not 0 < len(entries) <= MOST_STEPS:
            self._fail(f"应有 1 到 {MOST_STEPS} 步，现有 {len(entries)} 步")
        return tuple(self._step(number, entry) for number, entry in enumerate(entries, 1))

    def _step(self, number: int, entry: Mapping[str, Any]) -> Step:
        self._where = f"第 {number} 步"
        texts = {name: self._text(entry, name) for name in _LONGEST}
        kind = entry.get("kind", "view")
        if not isinstance(kind, str) or kind not in KINDS:
            self._fail(f"的内容“{str(kind)[:40]}”不认识")
        step = Step(
            kind, texts["address"] or "map", texts["title"], texts["sentence"],
            self._words(entry, "figures", FIGURES), self._words(entry, "pictures", None),
        )  # fmt: skip
        if step.page not in PAGES:
            self._fail("的地址不是带地图的页面")
        try:
            Filter.from_query(step.words)
            _refuse_unshown(step.page, step.words)
        except CwmapError as error:
            self._fail(f"的筛选有误（{error}）")
        return step

    def _text(self, entry: Mapping[str, Any], name: str) -> str:
        value = entry.get(name, "")
        if not isinstance(value, str) or len(value) > _LONGEST[name]:
            self._fail(f"的 {name} 应为 {_LONGEST[name]} 字以内的文字")
        return value

    def _words(
        self, entry: Mapping[str, Any], name: str, known: Mapping[str, str] | None
    ) -> tuple[str, ...]:
        values = entry.get(name, [])
        good = isinstance(values, list) and all(isinstance(v, str) for v in values)
        if not good or len(values) > 2 or any(known is not None and v not in known for v in values):
            self._fail(f"的 {name} 应为至多两项" + (f"，可用：{'、'.join(known)}" if known else ""))
        return tuple(values)

    def _fail(self, message: str) -> NoReturn:
        raise CwmapError(f"{self._called}{self._where}{message}；请改正，或重新编排后保存。")
