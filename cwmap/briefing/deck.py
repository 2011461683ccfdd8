"""An empty deck of slides: our size, fonts and colours, and none of what python-pptx's template holds."""

from __future__ import annotations

from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.enum.text import MSO_ANCHOR
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.slide import SlideLayout
from pptx.util import Mm

FONT = "微软雅黑"
_THEME = {
    "dk2": "22292D", "lt2": "EAF3F2", "accent1": "0F6E6E", "accent2": "D9A441", "accent3": "B2182B",
    "accent4": "1D7A56", "accent5": "5B656A", "accent6": "9A6A00",
}  # fmt: skip
_TITLE_ONLY = "Title Only"
_UNUSED = ("dt", "ftr", "sldNum")


def blank_deck(width_mm: float, height_mm: float) -> tuple[Deck, SlideLayout]:
    """A deck without a slide, and its one layout, which has a title and nothing else."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Mm(width_mm), Mm(height_mm)
    master = deck.slide_masters[0]
    layout = next(one for one in master.slide_layouts if one.name == _TITLE_ONLY)
    for other in list(master.slide_layouts):
        if other is not layout and other.name != _TITLE_ONLY:
            master.slide_layouts.remove(other)
    layout.name = "标题"
    for holder in (master, layout):
        for shape in list(holder.placeholders):
            kind = shape._element.find(f".//{qn('p:ph')}").get("type")
            if kind in _UNUSED or kind == "body":
                shape._element.getparent().remove(shape._element)
            else:
                shape.left, shape.top, shape.width, shape.height = (
                    Mm(21), Mm(11), Mm(width_mm - 60), Mm(17),
                )  # fmt: skip
                shape.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
                shape.text_frame.text = "标题"
    _title_style(master)
    _theme(master)
    return deck, layout


def numbered(paragraph: Any, size: int, colour: str) -> None:
    """Make a paragraph the number of its slide."""
    field = etree.SubElement(
        paragraph._p, qn("a:fld"), id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}", type="slidenum"
    )
    look = etree.SubElement(field, qn("a:rPr"), lang="zh-CN", sz=str(size * 100))
    etree.SubElement(etree.SubElement(look, qn("a:solidFill")), qn("a:srgbClr"), val=colour)
    etree.SubElement(field, qn("a:t")).text = "‹#›"


def _title_style(master: Any) -> None:
    """Titles are set to the left."""
    level = master._element.find(f".//{qn('p:titleStyle')}/{qn('a:lvl1pPr')}")
    level.set("algn", "l")
    look = level.find(qn("a:defRPr"))
    look.set("sz", "3000")
    look.set("b", "1")


def _theme(master: Any) -> None:
    """Our colours and a Chinese font in place of Office's."""
    part = master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
    root = etree.fromstring(part.blob)
    root.set("name", "创卫一张图")
    for name, colour in _THEME.items():
        (slot,) = root.iter(qn(f"a:{name}"))
        for child in list(slot):
            slot.remove(child)
        etree.SubElement(slot, qn("a:srgbClr"), val=colour)
    for name in ("latin", "ea"):
        for face in root.iter(qn(f"a:{name}")):
            if face.getparent().tag in (qn("a:majorFont"), qn("a:minorFont")):
                face.set("typeface", FONT)
    part._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
