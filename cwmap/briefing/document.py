"""A brief as a document in the look of official papers (公文): fonts and margins as GB/T 9704—2012.

Title in 小标宋, headings in 黑体, body in 仿宋 of size 三号 (16 pt) with 28 pt a line, margins of 37, 35,
28 and 26 mm, page number 四号 between dashes. Word takes 宋体 or 仿宋 where a font is not installed:
the document names them as stand-ins. The red head that an official paper has is left to the office.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from docx import Document
from docx.document import Document as Paper
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import _Cell
from docx.text.paragraph import Paragraph
from lxml import etree

from cwmap.briefing.parts import SYNTHETIC_WORDS, Brief, Figure, Pair, Section, Table
from cwmap.drawing.lettering import legible
from cwmap.drawing.picture import png
from cwmap.drawing.sheet import Sheet, height_mm

SONG, HEI, FANG, KAI, SUN = "方正小标宋简体", "黑体", "仿宋_GB2312", "楷体_GB2312", "宋体"
"""Fonts of official papers: title, headings, body, second headings, page numbers."""
_STAND_INS = {SONG: "宋体", FANG: "仿宋", KAI: "楷体"}
MARGINS_MM = {"top_margin": 37, "bottom_margin": 35, "left_margin": 28, "right_margin": 26}
WIDTH_MM = 210 - 28 - 26
MAP_WIDTH_MM, TALLEST_MM = 154.0, 120.0
_TITLE_PT, _BODY_PT, _SMALL_PT, _LINE_PT = 22, 16, 12, 28
_NUMERALS = "一二三四五六七八九十"
_BADGE = RGBColor(0x8A, 0x4B, 0x00)


def docx(found: Brief) -> bytes:
    """The file. CwmapError where a map cannot be drawn."""
    paper = _paper(found)
    _line(paper, found.title, SONG, _TITLE_PT, align=WD_ALIGN_PARAGRAPH.CENTER, style="Title")
    _line(paper, f"（{found.period}）", KAI, _BODY_PT, align=WD_ALIGN_PARAGRAPH.CENTER)
    _line(paper, "", FANG, _BODY_PT)
    for at, section in enumerate(found.sections):
        _section(paper, _numbered(at, section.heading), section)
    _line(
        paper,
        _numbered(len(found.sections), "口径说明"),
        HEI,
        _BODY_PT,
        style="Heading 1",
        indent=True,
    )
    for at, note in enumerate(found.notes, 1):
        line = _line(paper, f"{at}. {note}", FANG, _SMALL_PT, indent=True)
        line.paragraph_format.line_spacing = Pt(20)
    _signed(paper, found)
    out = io.BytesIO()
    paper.save(out)
    return out.getvalue()


def _signed(paper: Paper, found: Brief) -> None:
    """The filter, and who issued it when; a signature never stands on a page by itself."""
    about = f"筛选条件：{found.caption}；数据截至 {found.as_of}。"
    lines = [_line(paper, about, FANG, _SMALL_PT, indent=True), _line(paper, "", FANG, _BODY_PT)]
    for words in (found.issuer, found.issued):
        lines.append(_line(paper, words, FANG, _BODY_PT, align=WD_ALIGN_PARAGRAPH.RIGHT))
        lines[-1].paragraph_format.right_indent = Pt(4 * _BODY_PT)
    for line in lines[:-1]:
        line.paragraph_format.keep_with_next = True


def _numbered(at: int, heading: str) -> str:
    number = _NUMERALS[at] if at < len(_NUMERALS) else str(at + 1)
    return f"{number}、{heading}"


def _paper(found: Brief) -> Paper:
    """An empty document: page, styles, header, page number."""
    paper = Document()
    part = paper.sections[0]
    part.page_width, part.page_height = Mm(210), Mm(297)
    for name, margin in MARGINS_MM.items():
        setattr(part, name, Mm(margin))
    part.header_distance, part.footer_distance = Mm(18), Mm(25)
    for name, font, size in (
        ("Normal", FANG, _BODY_PT), ("Title", SONG, _TITLE_PT), ("Heading 1", HEI, _BODY_PT),
    ):  # fmt: skip
        _style(paper, name, font, size)
    properties = paper.core_properties
    properties.title, properties.author = (
        legible(f"{found.title} {found.period}"),
        legible(found.issuer),
    )
    properties.last_modified_by = properties.comments = ""
    properties.language = "zh-CN"
    properties.created = properties.modified = datetime.combine(found.dated, time(12))
    if found.synthetic:
        head = part.header.paragraphs[0]
        head.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _run(head, f"【示例】{SYNTHETIC_WORDS}", HEI, _SMALL_PT).font.color.rgb = _BADGE
    _page_number(part.footer.paragraphs[0])
    _stand_ins(paper)
    return paper


def _style(paper: Paper, name: str, font: str, size: int) -> None:
    style = paper.styles[name]
    style.font.name, style.font.size, style.font.bold = "Times New Roman", Pt(size), False
    style.font.color.rgb = RGBColor(0, 0, 0)
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:eastAsia"), font)
    about = style.paragraph_format
    about.space_before = about.space_after = Pt(0)
    about.line_spacing_rule, about.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(_LINE_PT)
    for border in style.element.iter(qn("w:pBdr")):
        border.getparent().remove(border)
        break


def _section(paper: Paper, heading: str, section: Section) -> None:
    _line(paper, heading, HEI, _BODY_PT, style="Heading 1", indent=True)
    sentence = _line(paper, section.sentence, FANG, _BODY_PT, indent=True)
    sentence.paragraph_format.keep_with_next = bool(
        section.figures or section.map or section.photos
    )
    for point in section.points:
        _line(paper, point, FANG, _BODY_PT, indent=True)
    if section.figures:
        _figures(paper, section.figures)
    if section.map:
        _map(paper, section.map, section.heading)
    if section.table:
        _table(paper, section.table)
    for pair in section.photos:
        _pair(paper, pair)


def _figures(paper: Paper, figures: Sequence[Figure]) -> None:
    """Label, number and note of each figure in a frame of one row."""
    grid = paper.add_table(rows=1, cols=len(figures), style="Table Grid")
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    for cell, figure in zip(grid.rows[0].cells, figures, strict=True):
        _say(cell, figure.label, FANG, 11, WD_ALIGN_PARAGRAPH.CENTER)
        number = _tight(cell.add_paragraph(), WD_ALIGN_PARAGRAPH.CENTER)
        _run(number, figure.value, HEI, 20)
        _run(number, f" {figure.unit}", FANG, 11)
        note = _tight(cell.add_paragraph(), WD_ALIGN_PARAGRAPH.CENTER)
        _run(note, figure.note, FANG, 10)
        cell.paragraphs[0].paragraph_format.space_before = Pt(4)
        note.paragraph_format.space_after = Pt(4)
    _after(paper)


def _table(paper: Paper, table: Table) -> None:
    grid = paper.add_table(rows=0, cols=len(table.columns), style="Table Grid")
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    whole = sum(column.weight for column in table.columns)
    widths = [Mm(WIDTH_MM * column.weight / whole) for column in table.columns]
    for at, wide in enumerate(widths):
        grid.columns[at].width = wide
    texts = [tuple(column.header for column in table.columns), *table.rows]
    together = {0, 1, len(texts) - 2} - {len(texts) - 1}
    for y, texts_of_row in enumerate(texts):
        row = grid.add_row()
        row.height, row.height_rule = Mm(7.5), WD_ROW_HEIGHT_RULE.AT_LEAST
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        if y == 0:
            row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
        for x, (column, text) in enumerate(zip(table.columns, texts_of_row, strict=True)):
            row.cells[x].width = widths[x]
            centre = y == 0 or column.number
            align = WD_ALIGN_PARAGRAPH.CENTER if centre else WD_ALIGN_PARAGRAPH.LEFT
            _say(row.cells[x], text, HEI if y == 0 else FANG, 10.5 if y == 0 else 11, align)
            # No row stands on a page by itself, nor the head with one row.
            row.cells[x].paragraphs[0].paragraph_format.keep_with_next = y in together
    if table.more:
        _line(paper, f"另有 {table.more:,} 行未列出，见看板。", FANG, _SMALL_PT)
    _after(paper)


def _map(paper: Paper, sheet: Sheet, heading: str) -> None:
    tall = height_mm(sheet.town, MAP_WIDTH_MM, TALLEST_MM)
    drawing = png(sheet.svg(MAP_WIDTH_MM, tall), MAP_WIDTH_MM, tall)
    _picture(paper, drawing, MAP_WIDTH_MM, f"{heading}：{sheet.title}，{sheet.caption}")


def _pair(paper: Paper, pair: Pair) -> None:
    grid = paper.add_table(rows=1, cols=2)
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    for cell, words, jpeg in zip(
        grid.rows[0].cells, ("整治前", "整治后"), (pair.before, pair.after), strict=True
    ):
        line = _tight(cell.paragraphs[0], WD_ALIGN_PARAGRAPH.CENTER)
        line.add_run().add_picture(io.BytesIO(jpeg), width=Mm(66))
        _run(_tight(cell.add_paragraph(), WD_ALIGN_PARAGRAPH.CENTER), words, FANG, _SMALL_PT)
    _line(paper, pair.caption, FANG, _SMALL_PT, align=WD_ALIGN_PARAGRAPH.CENTER)


def _picture(paper: Paper, content: bytes, width_mm: float, words: str) -> None:
    line = _tight(paper.add_paragraph(), WD_ALIGN_PARAGRAPH.CENTER)
    shape = line.add_run().add_picture(io.BytesIO(content), width=Mm(width_mm))
    shape._inline.docPr.set("descr", legible(words))
    _after(paper)


def _line(
    paper: Paper, text: str, font: str, size: float, *, style: str = "Normal", indent: bool = False,
    align: WD_ALIGN_PARAGRAPH | None = None,
) -> Paragraph:  # fmt: skip
    line = paper.add_paragraph(style=style)
    if text:
        _run(line, text, font, size)
    if indent:  # of two characters, whatever their size
        properties = line._p.get_or_add_pPr()
        indent_of = properties.get_or_add_ind()
        indent_of.set(qn("w:firstLineChars"), "200")
        indent_of.set(qn("w:firstLine"), str(round(2 * size * 20)))
    if align is not None:
        line.alignment = align
    return line


def _say(cell: _Cell, text: str, font: str, size: float, align: WD_ALIGN_PARAGRAPH) -> None:
    cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    line = _tight(cell.paragraphs[0], align)
    line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2)
    _run(line, text, font, size)


def _tight(line: Paragraph, align: WD_ALIGN_PARAGRAPH) -> Paragraph:
    """A line as high as what is in it."""
    line.alignment = align
    line.paragraph_format.line_spacing_rule = WD_LINE_SPACING.SINGLE
    return line


def _after(paper: Paper) -> None:
    """Air below a table or a picture."""
    line = paper.add_paragraph()
    line.paragraph_format.line_spacing = Pt(10)


def _run(line: Paragraph, text: str, font: str, size: float) -> Any:
    run = line.add_run(legible(text))
    run.font.size = Pt(size)
    fonts = run._r.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), font)
    return run


def _page_number(line: Paragraph) -> None:
    """— 1 —, in the middle."""
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(line, "— ", SUN, 14)
    run = _run(line, "", SUN, 14)
    for kind, words in (("begin", None), (None, "PAGE"), ("end", None)):
        if kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
        else:
            mark = OxmlElement("w:instrText")
            mark.text = words
        run._r.append(mark)
    _run(line, " —", SUN, 14)


def _stand_ins(paper: Paper) -> None:
    """Name in the font table what Word shall take where a font is not installed."""
    part = paper.part.part_related_by(RELATIONSHIP_TYPE.FONT_TABLE)
    root = etree.fromstring(part.blob)
    for name, other in _STAND_INS.items():
        font = etree.SubElement(root, qn("w:font"), {qn("w:name"): name})
        etree.SubElement(font, qn("w:altName"), {qn("w:val"): other})
    part._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
