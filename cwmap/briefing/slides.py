"""A brief as slides (16:9): native text and tables, maps as pictures, letters that a room can read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from typing import Any

from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck
from pptx.shapes.autoshape import Shape
from pptx.slide import Slide, SlideLayout
from pptx.table import _Cell
from pptx.text.text import TextFrame
from pptx.util import Emu, Mm, Pt

from cwmap.briefing.deck import blank_deck, numbered
from cwmap.briefing.parts import SYNTHETIC_WORDS, Brief, Figure, Pair, Section, Table
from cwmap.drawing.lettering import legible, width_em
from cwmap.drawing.picture import png
from cwmap.drawing.sheet import Sheet

WIDTH_MM, HEIGHT_MM = 338.667, 190.5
MAP_MM = (204.0, 126.0)
_MARGIN, _TOP, _BODY, _GAP, _ABOVE = 16.0, 12.0, 46.0, 4.0, 40.0
"""Edge of what is printed, top of the title, top of what follows title and sentence, air, what is said
above a table; mm."""
_PPI, _LETTERING = 160, 1.75
_MM_A_POINT = 25.4 / 72
_TEAL, _TINT, _BAND, _INK, _SOFT, _BADGE = (
    "0F6E6E",
    "EAF3F2",
    "F3F7F7",
    "22292D",
    "5B656A",
    "8A4B00",
)
_TONES = {"": _INK, "good": "1D7A56", "fair": "9A6A00", "bad": "B2182B"}


def pptx(found: Brief) -> tuple[bytes, int]:
    """The file, and the number of its slides. CwmapError where a map cannot be drawn."""
    deck, layout = blank_deck(WIDTH_MM, HEIGHT_MM)
    properties = deck.core_properties
    properties.title, properties.author = (
        legible(f"{found.title} {found.period}"),
        legible(found.issuer),
    )
    properties.last_modified_by, properties.language = "", "zh-CN"
    properties.created = properties.modified = datetime.combine(found.dated, time(12))
    _cover(deck, layout, found)
    for section in found.sections:
        for slide in _section(deck, layout, section):
            _foot(slide, found)
    slide = _titled(deck, layout, "口径说明", "")
    lines = [f"{at}. {note}" for at, note in enumerate(found.notes, 1)]
    _lines(slide, lines, _MARGIN, 30, WIDTH_MM - 2 * _MARGIN, 140, 14, _SOFT)
    _foot(slide, found)
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue(), len(deck.slides)


def _cover(deck: Deck, layout: SlideLayout, found: Brief) -> None:
    slide = deck.slides.add_slide(layout)
    ground = _box(slide, 0, 0, WIDTH_MM, HEIGHT_MM, _TEAL)
    slide.shapes._spTree.insert(2, ground._element)  # beneath the title
    _box(slide, 24, 112, 40, 1.6, "D9A441")
    title = slide.shapes.title
    assert title is not None
    _put(title, 24, 62, WIDTH_MM - 48, 44)
    _write(title.text_frame, found.title, 44, "FFFFFF", bold=True)
    for text, top, size in (
        (f"{found.town}　{found.period}", 120, 24),
        (f"{found.issuer}　{found.issued}", 136, 20),
    ):
        _text(slide, text, 24, top, WIDTH_MM - 48, 14, size, "FFFFFF")
    if found.synthetic:
        _badge(slide)
        _text(slide, SYNTHETIC_WORDS, 24, 166, 200, 10, 16, "FFE9C7", bold=True)


def _section(deck: Deck, layout: SlideLayout, section: Section) -> Iterator[Slide]:
    """The slides of a section: its figures or points beside its map; its table; its photos.

    Points that have a table and no map stand above it.
    """
    above = () if section.map or section.figures else section.points
    if section.map or section.figures or (section.points and not section.table):
        slide = _titled(deck, layout, section.heading, section.sentence)
        _left(slide, section)
        if section.map:
            _map(slide, section.map, section.heading)
        yield slide
    if section.table:
        slide = _titled(deck, layout, section.heading, section.sentence)
        if above:
            _lines(slide, above, _MARGIN, _BODY, WIDTH_MM - 2 * _MARGIN, _ABOVE - _GAP, 18, _INK)
        _table(slide, section.table, _BODY + (_ABOVE if above else 0))
        yield slide
    for pair in section.photos:
        slide = _titled(deck, layout, section.heading, pair.caption)
        _pair(slide, pair)
        yield slide
    if not (section.map or section.figures or section.points or section.table or section.photos):
        yield _titled(deck, layout, section.heading, section.sentence)


def _titled(deck: Deck, layout: SlideLayout, heading: str, sentence: str) -> Slide:
    slide: Slide = deck.slides.add_slide(layout)
    _box(slide, _MARGIN, _TOP + 1.5, 2, 12, _TEAL)
    title = slide.shapes.title
    assert title is not None
    _put(title, _MARGIN + 5, _TOP - 1, WIDTH_MM - 2 * _MARGIN - 40, 17)
    _write(title.text_frame, heading, 30, _INK, bold=True)
    if sentence:
        width = WIDTH_MM - 2 * _MARGIN
        size = _fitting([sentence], width, 15, 20)
        _text(slide, sentence, _MARGIN, 29, width, 16, size, _INK)
    return slide


def _left(slide: Slide, section: Section) -> None:
    """Figures in two columns and the points below them, beside the map."""
    width = WIDTH_MM - 2 * _MARGIN - MAP_MM[0] - 6 if section.map else WIDTH_MM - 2 * _MARGIN
    height = MAP_MM[1]
    shown = section.figures
    if shown:
        said = 26.0 if section.points else 0.0
        wide, tall = (width - _GAP) / 2, (height - said - _GAP) / 2
        for at, figure in enumerate(shown):
            left, top = _MARGIN + at % 2 * (wide + _GAP), _BODY + at // 2 * (tall + _GAP)
            _card(slide, figure, left, top, wide, tall)
        if section.points:
            _lines(
                slide, section.points, _MARGIN, _BODY + height - said + 4, width, said - 4, 16, _INK
            )
    else:
        _lines(slide, section.points, _MARGIN, _BODY, width, height, 18, _INK)


def _card(
    slide: Slide, figure: Figure, left: float, top: float, width: float, height: float
) -> None:
    box = _box(slide, left, top, width, height, _TINT)
    frame = box.text_frame
    frame.vertical_anchor = MSO_ANCHOR.MIDDLE
    frame.margin_left = frame.margin_right = Mm(3)
    frame.word_wrap = True
    room = width - 7
    _write(frame, figure.label, _fitting([figure.label], room, 8, 16, 12), _SOFT)
    value = frame.add_paragraph()
    _run(value, figure.value, 28, _TONES[figure.tone], bold=True)
    _run(value, f" {figure.unit}", 16, _SOFT)
    if figure.note:
        _run(frame.add_paragraph(), figure.note, _fitting([figure.note], room, 12, 14, 12), _SOFT)
    for paragraph in frame.paragraphs:
        paragraph.alignment = PP_ALIGN.LEFT


def _map(slide: Slide, sheet: Sheet, heading: str) -> None:
    width, height = MAP_MM
    drawing = png(sheet.svg(width, height, _LETTERING), width, height, _PPI)
    picture = slide.shapes.add_picture(
        io.BytesIO(drawing), Mm(WIDTH_MM - _MARGIN - width), Mm(_BODY), Mm(width), Mm(height)
    )
    _describe(picture, f"{heading}：{sheet.title}，{sheet.caption}")


def _table(slide: Slide, table: Table, top: float) -> None:
    rows, width = len(table.rows) + 1, WIDTH_MM - 2 * _MARGIN
    room = HEIGHT_MM - top - 20 - (8 if table.more else 0)
    each = min(12.0, room / rows)
    weights = sum(column.weight for column in table.columns)
    widths = [width * column.weight / weights for column in table.columns]
    size = min(18, int(each / _MM_A_POINT / 1.75))
    shape = slide.shapes.add_table(
        rows, len(table.columns), Mm(_MARGIN), Mm(top + 2), Mm(width), Mm(each * rows)
    )
    native = shape.table
    for at, wide in enumerate(widths):
        native.columns[at].width = Mm(wide)
    for at in range(rows):
        native.rows[at].height = Mm(each)
    heads = tuple(column.header for column in table.columns)
    fitted = [
        min(_one_line(text, wide, size) for text in texts)
        for wide, texts in zip(widths, zip(*table.rows, strict=True), strict=True)
    ]
    head = min(_one_line(text, wide, size) for text, wide in zip(heads, widths, strict=True))
    for y, row in enumerate([heads, *table.rows]):
        for x, (column, text) in enumerate(zip(table.columns, row, strict=True)):
            cell = native.cell(y, x)
            _cell(cell, text, fitted[x] if y else head, number=column.number, head=y == 0)
            _paint(cell.fill, _TEAL if y == 0 else _BAND if y % 2 == 0 else "FFFFFF")
    if table.more:
        _text(
            slide,
            f"另有 {table.more:,} 行未列出，见看板。",
            _MARGIN,
            top + 4 + each * rows,
            width,
            8,
            14,
            _SOFT,
        )


def _one_line(text: str, width: float, most: int) -> int:
    """Type in which a text stays on one line of a cell of this width, as far as it can be read."""
    return _fitting([text], width - 4, most * _MM_A_POINT * 1.45, most, 11)


def _cell(cell: _Cell, text: str, size: int, *, number: bool, head: bool) -> None:
    cell.margin_top = cell.margin_bottom = Mm(0.6)
    cell.margin_left = cell.margin_right = Mm(2)
    cell.vertical_anchor = MSO_ANCHOR.MIDDLE
    _write(cell.text_frame, text, size, "FFFFFF" if head else _INK, bold=head)
    cell.text_frame.paragraphs[0].alignment = PP_ALIGN.RIGHT if number else PP_ALIGN.LEFT


def _pair(slide: Slide, pair: Pair) -> None:
    width = (WIDTH_MM - 2 * _MARGIN - 8) / 2
    for at, (words, jpeg) in enumerate((("整治前", pair.before), ("整治后", pair.after))):
        left = _MARGIN + at * (width + 8)
        picture = slide.shapes.add_picture(io.BytesIO(jpeg), Mm(0), Mm(0))
        scale = min(Mm(width) / picture.width, Mm(108) / picture.height)
        picture.width, picture.height = (
            Emu(int(picture.width * scale)),
            Emu(int(picture.height * scale)),
        )
        picture.left = Emu(int(Mm(left) + (Mm(width) - picture.width) / 2))
        picture.top = Mm(_BODY)
        _describe(picture, f"{words}：{pair.caption}")
        _text(
            slide, words, left, _BODY + 110, width, 10, 20, _TEAL, bold=True, align=PP_ALIGN.CENTER
        )


def _foot(slide: Slide, found: Brief) -> None:
    warned = f"{SYNTHETIC_WORDS}　" if found.synthetic else ""
    words = f"{warned}{found.caption}　{found.review}　数据截至 {found.as_of}"
    width = WIDTH_MM - 2 * _MARGIN - 20
    _text(slide, words, _MARGIN, 178, width, 8, _fitting([words], width, 6, 12, 8), _SOFT)
    number = _text(slide, "", WIDTH_MM - _MARGIN - 20, 178, 20, 8, 12, _SOFT, align=PP_ALIGN.RIGHT)
    numbered(number.text_frame.paragraphs[0], 12, _SOFT)
    if found.synthetic:
        _badge(slide)


def _badge(slide: Slide) -> None:
    box = _box(slide, WIDTH_MM - _MARGIN - 22, _TOP, 22, 10, "FFE9C7")
    box.text_frame.margin_top = box.text_frame.margin_bottom = 0
    box.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
    _write(box.text_frame, "示例", 18, _BADGE, bold=True)
    box.text_frame.paragraphs[0].alignment = PP_ALIGN.CENTER


def _lines(
    slide: Slide, lines: Sequence[str], left: float, top: float, width: float, height: float,
    size: int, colour: str,
) -> None:  # fmt: skip
    """Paragraphs in a box, in letters that fit it."""
    size = _fitting(lines, width, height, size)
    frame = _text(slide, "", left, top, width, height, size, colour).text_frame
    for at, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        paragraph.space_after = Pt(size * 0.4)
        _run(paragraph, line, size, colour)


def _fitting(lines: Sequence[str], width: float, height: float, most: int, least: int = 9) -> int:
    """The largest type, in points, in which these paragraphs fit the box (mm)."""
    for size in range(most, least, -1):
        em = size * _MM_A_POINT
        rows = sum(max(1, -int(-width_em(legible(line)) * em // (width - em))) for line in lines)
        if (rows * 1.25 + 0.4 * (len(lines) - 1)) * em <= height:
            return size
    return least


def _text(
    slide: Slide, text: str, left: float, top: float, width: float, height: float, size: int,
    colour: str, *, bold: bool = False, align: PP_ALIGN = PP_ALIGN.LEFT,
) -> Shape:  # fmt: skip
    box = slide.shapes.add_textbox(Mm(left), Mm(top), Mm(width), Mm(height))
    frame = box.text_frame
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.word_wrap = True
    if text:
        _write(frame, text, size, colour, bold=bold)
    frame.paragraphs[0].alignment = align
    return box


def _write(frame: TextFrame, text: str, size: int, colour: str, *, bold: bool = False) -> None:
    _run(frame.paragraphs[0], text, size, colour, bold=bold)


def _run(paragraph: Any, text: str, size: int, colour: str, *, bold: bool = False) -> None:
    run = paragraph.add_run()
    run.text = legible(text)
    run.font.size, run.font.bold = Pt(size), bold
    run.font.color.rgb = _rgb(colour)


def _box(slide: Slide, left: float, top: float, width: float, height: float, colour: str) -> Shape:
    box = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Mm(left), Mm(top), Mm(width), Mm(height))
    _paint(box.fill, colour)
    box.line.fill.background()
    box._element.remove(box._element.find(qn("p:style")))  # with it comes the theme's shadow
    return box


def _put(shape: Any, left: float, top: float, width: float, height: float) -> None:
    shape.left, shape.top, shape.width, shape.height = (
        Mm(left), Mm(top), Mm(width), Mm(height),
    )  # fmt: skip


def _paint(fill: Any, colour: str) -> None:
    fill.solid()
    fill.fore_color.rgb = _rgb(colour)


def _rgb(colour: str) -> Any:
    return RGBColor.from_string(colour)  # type: ignore[no-untyped-call]


def _describe(picture: Any, words: str) -> None:
    """What a picture shows, for those who cannot see it."""
    picture._element.nvPicPr.cNvPr.set("descr", legible(words))
