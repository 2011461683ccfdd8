"""The meeting's brief (通报): what it says, and the file it becomes.

`brief` asks the town once; each format only lays out what it is given, so that all of them, and the
page, tell the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cwmap.briefing import document, paper, slides, webpage
from cwmap.briefing.basis import Basis, with_period
from cwmap.briefing.parts import Brief
from cwmap.briefing.sections import SECTIONS, notes
from cwmap.captions import filter_caption
from cwmap.drawing.page import review_words
from cwmap.errors import CwmapError
from cwmap.export import replacing
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town

FORMATS = {
    ".pdf": "PDF，供打印和归档", ".pptx": "演示文稿", ".docx": "公文", ".html": "网页，一个文件，不联网",
}  # fmt: skip
"""Endings of a file's name → what is written."""
USUAL_DAYS = 30
"""The period of a brief that nobody gave one: the page's own."""


@dataclass(frozen=True)
class Written:
    """A brief as a file: its bytes, and how many pages or slides (None where only a reader knows)."""

    content: bytes
    pages: int | None = None
    slides: int | None = None

    def as_dict(self, path: Path, found: Brief) -> dict[str, object]:
        """The JSON object of the command line."""
        counts = {"pages": self.pages, "slides": self.slides}
        known = {name: number for name, number in counts.items() if number is not None}
        return {"file": str(path), **known, "sections": [s.key for s in found.sections]}


def brief(
    town: Town, workspace: Workspace, question: Filter, *, dated: date | None = None
) -> Brief:
    """The brief of a filter; without a first day, of the last 30 days of it.

    dated: day of the print, else today in the town. CwmapError for a filter that names what is not
    there, or rules that cannot be read.
    """
    asked = with_period(town, question, USUAL_DAYS)
    dated = dated or datetime.now(ZoneInfo(town.settings.timezone)).date()
    basis = Basis(town, workspace, asked, dated)
    made = [section(basis) for section in SECTIONS]
    settings = town.settings
    return Brief(
        title="创建国家卫生城市工作通报", town=settings.name, office=settings.office,
        period=f"{basis.start} 至 {basis.end}", caption=filter_caption(town, asked), dated=dated,
        as_of=town.as_of, review=review_words(town), synthetic=settings.synthetic,
        sections=tuple(section for section in made if section),
        notes=notes(basis, usual=question.start is None),
    )  # fmt: skip


def written(found: Brief, ending: str, *, one_page: bool = False) -> Written:
    """The brief in a format of `FORMATS`; one_page: all on a single A4, only as PDF."""
    check(ending, one_page)
    if ending == ".pdf":
        content, pages = paper.pdf(found, one_page=one_page)
        return Written(content, pages=pages)
    if ending == ".pptx":
        content, number = slides.pptx(found)
        return Written(content, slides=number)
    make: Callable[[Brief], bytes] = document.docx if ending == ".docx" else webpage.html
    return Written(make(found))


def write(found: Brief, path: Path, *, one_page: bool = False) -> Written:
    """Write the brief by the ending of `path`; the old file stays until the new one is whole."""
    done = written(found, path.suffix.lower(), one_page=one_page)
    with replacing(path) as part:
        part.write_bytes(done.content)
    return done


def check(ending: str, one_page: bool) -> None:
    """CwmapError where a brief cannot be written so; said before anything is computed."""
    if ending not in FORMATS:
        known = "、".join(f"{end}（{name}）" for end, name in FORMATS.items())
        raise CwmapError(
            f"通报不能写成“{ending or '没有结尾'}”的文件；文件名请用这些结尾：{known}。"
        )
    if one_page and ending != ".pdf":
        raise CwmapError("一页的通报只有 PDF；请去掉 --one-page，或把文件名改为 .pdf 结尾。")
