"""What a reader finds in a brief's file: all its text, and its tables, by format."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

from docx import Document
from pptx import Presentation

from tests.cwmap.duties.test_boards import glyphs, objects, reference, runs, squeezed, stream, words

Rows = list[tuple[str, ...]]


def text(content: bytes, ending: str) -> str:
    """All text, without spaces."""
    return squeezed("".join(READERS[ending](content)))


def of_pdf(content: bytes) -> list[str]:
    """By page, whose fonts are its own. Letters of a drawing are turned and not among them."""
    every = objects(content)
    found = []
    for body in every.values():
        if b"/Type/Page/" in body:
            own = every[reference(body, "Resources")]
            fonts = {
                name.decode(): glyphs(stream(every[reference(every[int(number)], "ToUnicode")]))
                for name, number in re.findall(rb"/(f\d+) (\d+) 0 R", own)
            }
            found.append(words(runs(stream(every[reference(body, "Contents")]), fonts)))
    return found


def of_pptx(content: bytes) -> list[str]:
    """By slide."""
    return ["\n".join(_of_slide(slide)) for slide in Presentation(io.BytesIO(content)).slides]


def _of_slide(slide) -> list[str]:
    found = []
    for shape in slide.shapes:
        if shape.has_text_frame:
            found.append(shape.text_frame.text)
        if shape.has_table:
            found += [cell.text for row in shape.table.rows for cell in row.cells]
    return found


def of_docx(content: bytes) -> list[str]:
    """Paragraphs, then cells."""
    paper = Document(io.BytesIO(content))
    cells = [c.text for table in paper.tables for row in table.rows for c in row.cells]
    return [p.text for p in paper.paragraphs] + cells


class Page(HTMLParser):
    """Texts, tags with their attributes, and the tables of a web page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self._style = False
        self.feed(content.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._style = tag == "style"
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        self._style = False

    def handle_data(self, data):
        if self._style:
            return
        self.texts.append(data)
        if self.tags and self.tags[-1][0] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def tables(content: bytes, ending: str) -> list[Rows]:
    """Every table as rows of texts, its head first."""
    if ending == ".html":
        return [[tuple(row) for row in table] for table in Page(content).tables]
    if ending == ".docx":
        found = [t for t in Document(io.BytesIO(content)).tables if len(t.rows) > 1]
    else:
        slides = Presentation(io.BytesIO(content)).slides
        found = [shape.table for s in slides for shape in s.shapes if shape.has_table]
    return [[tuple(c.text for c in row.cells) for row in table.rows] for table in found]


READERS = {
    ".pdf": of_pdf,
    ".pptx": of_pptx,
    ".docx": of_docx,
    ".html": lambda content: Page(content).texts,
}
