"""A brief on paper: PDF/A of several pages, or of a single A4, by Typst."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from cwmap.briefing.parts import SYNTHETIC_WORDS, Brief, Section
from cwmap.drawing.sheet import Sheet, height_mm
from cwmap.printing import pictures, render

WIDTH_MM, TALLEST_MM, TALLEST_ALONE_MM = 182.0, 128.0, 104.0
"""Of a map: its width, how high it may be, and how high on the single page."""
_ONE_PAGE = ("overview", "where", "asks")
"""Sections whose sentence stands on the single page."""

_PAGE = re.compile(rb"/Type\s*/Page\b")
Page = tuple[dict[str, Any], dict[str, bytes]]


def pdf(found: Brief, *, one_page: bool = False) -> tuple[bytes, int]:
    """The document and the number of its pages. CwmapError as `cwmap.printing.render`."""
    template, (content, files) = _page(found, one_page)
    made = render(template, content, dated=found.dated, files=files)
    return made, len(_PAGE.findall(made))


def preview(found: Brief, *, one_page: bool = False, ppi: float = 96) -> list[bytes]:
    """The same pages as PNG, for the screen."""
    template, (content, files) = _page(found, one_page)
    return pictures(template, content, ppi=ppi, files=files)


def _page(found: Brief, one_page: bool) -> tuple[str, Page]:
    return ("brief_page.typ", _single(found)) if one_page else ("brief.typ", _whole(found))


def _whole(found: Brief) -> Page:
    files: dict[str, bytes] = {}
    sections = [_section(section, files) for section in found.sections]
    return _head(found) | {"sections": sections, "notes": list(found.notes)}, files


def _section(section: Section, files: dict[str, bytes]) -> dict[str, Any]:
    pairs = []
    for at, pair in enumerate(section.photos):
        names = [f"{section.key}-{at}-{side}.jpg" for side in ("before", "after")]
        files |= dict(zip(names, (pair.before, pair.after), strict=True))
        pairs.append({"caption": pair.caption, "before": names[0], "after": names[1]})
    return {
        "heading": section.heading, "sentence": section.sentence, "points": list(section.points),
        "figures": [asdict(figure) for figure in section.figures],
        "table": asdict(section.table) if section.table else None,
        "map": _drawn(section.map, section.key, TALLEST_MM, files), "photos": pairs,
    }  # fmt: skip


def _drawn(sheet: Sheet | None, key: str, tallest_mm: float, files: dict[str, bytes]) -> str | None:
    if sheet is None:
        return None
    name = f"map-{key}.svg"
    tall = height_mm(sheet.town, WIDTH_MM, tallest_mm)
    files[name] = sheet.svg(WIDTH_MM, tall).encode()
    return name


def _single(found: Brief) -> Page:
    files: dict[str, bytes] = {}
    first, where, lanes = (found.section(key) for key in ("overview", "where", "lanes"))
    sheet = (where and where.map) or (first and first.map)
    told = [s for s in map(found.section, _ONE_PAGE) if s]
    content = _head(found) | {
        "figures": [asdict(figure) for figure in first.figures] if first else [],
        "told": [{"heading": s.heading, "sentence": s.sentence} for s in told],
        "table": asdict(lanes.table) if lanes and lanes.table else None,
        "map": _drawn(sheet or None, "one", TALLEST_ALONE_MM, files),
    }
    return content, files


def _head(found: Brief) -> dict[str, Any]:
    return {
        "title": found.title, "town": found.town, "issuer": found.issuer, "office": found.office,
        "period": found.period, "caption": found.caption, "issued": found.issued, "as_of": str(found.as_of),
        "review": found.review, "synthetic": SYNTHETIC_WORDS if found.synthetic else "",
    }  # fmt: skip
