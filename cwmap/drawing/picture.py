"""A drawing as a file: PNG and PDF by Typst, with the same letters and lines as in print, or the SVG."""

from __future__ import annotations

from datetime import date

from cwmap.drawing.page import Page
from cwmap.errors import CwmapError
from cwmap.printing import pictures, render

PRINT_PPI = 300
FORMATS = {".png": "PNG 图片（300 dpi）", ".svg": "SVG 矢量图", ".pdf": "PDF 矢量图"}
"""Endings of a picture's name → what is written."""

_WIDTH_MM, _TALLEST_MM, _LETTERING = 240.0, 240.0, 1.15


def picture(page: Page, ending: str, dated: date) -> bytes:
    """A map or a chart to be kept by itself, with title, filter, legend and source in the picture.

    CwmapError: an ending that is not in `FORMATS`; and as `cwmap.printing.render`.
    """
    if ending not in FORMATS:
        raise CwmapError(f"图片不能存成“{ending}”；请用 {'、'.join(FORMATS)}。")
    drawing, tall = _drawn(page)
    if ending == ".svg":
        return drawing.encode()
    if ending == ".png":
        return png(drawing, _WIDTH_MM, tall)
    return pdf(drawing, _WIDTH_MM, tall, dated)


def preview(page: Page, ppi: float) -> bytes:
    """The same picture as a PNG of so many pixels an inch, to be looked at."""
    drawing, tall = _drawn(page)
    return png(drawing, _WIDTH_MM, tall, ppi)


def _drawn(page: Page) -> tuple[str, float]:
    """The SVG and its height in mm."""
    tall = page.height_mm(_WIDTH_MM, _TALLEST_MM, _LETTERING)
    return page.svg(_WIDTH_MM, tall, _LETTERING), tall


def png(svg: str, width_mm: float, height_mm: float, ppi: float = PRINT_PPI) -> bytes:
    """The drawing as a PNG of `ppi` pixels an inch. CwmapError as `cwmap.printing.render`."""
    content, files = _page(svg, width_mm, height_mm)
    return pictures("brief_map.typ", content, ppi=ppi, files=files)[0]


def pdf(svg: str, width_mm: float, height_mm: float, dated: date) -> bytes:
    """The drawing as a PDF/A page in vectors. CwmapError as `cwmap.printing.render`."""
    content, files = _page(svg, width_mm, height_mm)
    return render("brief_map.typ", content, dated=dated, files=files)


def _page(svg: str, width_mm: float, height_mm: float) -> tuple[dict[str, float], dict[str, bytes]]:
    return {"width_mm": width_mm, "height_mm": height_mm}, {"map.svg": svg.encode()}
