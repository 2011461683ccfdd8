"""The files: their look by rule, the badge on every page, hostile text, what is refused."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Mm
from PIL import Image
from pptx import Presentation

from cwmap import brief as briefs
from cwmap import cli, photos
from cwmap.brief import FORMATS, Brief, brief, written
from cwmap.briefing.parts import Column, Figure, Pair, Section, Table
from cwmap.drawing import themes
from cwmap.drawing.lettering import legible
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tasks import steps
from cwmap.town import Town, open_town
from tests.cwmap.brief.conftest import DAY
from tests.cwmap.brief.readers import Page, of_pdf, of_pptx, text
from tests.cwmap.duties.test_boards import squeezed

HOSTILE = (
    '"引"’\'<script>alert(1)</script>&amp;', '#read("/etc/passwd") *粗* $x$', "=cmd|' /C calc'!A0",
    "上\t下\x07\x00", "𠮷野家 שלום \u202e反", "-1+1", "{{x}} ]]> <!-- %s",
)  # fmt: skip


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(out, "JPEG")
    return out.getvalue()


def hostile(town: Town, words: Sequence[str], *, maps: bool = True) -> Brief:
    """A brief with each of these words in every place of a section, the first one everywhere else."""
    first = words[0]
    sheet = replace(themes.heat_map(town, Filter(), DAY), title=first, caption=first, source=first)
    sections = [
        Section(
            f"s{at}", word, word, (Figure(word, word, word, word),), (word,),
            Table((Column(word), Column(word, True)), ((word, word), (word, word)), more=2),
            sheet if at == 0 and maps else None, (Pair(word, jpeg(), jpeg()),),
        )
        for at, word in enumerate(words)
    ]  # fmt: skip
    return Brief(
        title=first, town=first, office=first, period=first, caption=first, dated=DAY, as_of=DAY,
        review=first, synthetic=True, sections=tuple(sections), notes=tuple(words),
    )  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
def test_hostile_text_survives_and_does_nothing(demo_town, ending):
    content = written(hostile(demo_town, HOSTILE), ending).content
    found = text(content, ending)
    for word in HOSTILE:
        wanted = squeezed(legible(word))
        if ending == ".pdf":  # letters stand there as they are read, from the right
            wanted = wanted.replace("שלום", "םולש")
        # Heading, sentence, four of the figure, point, six cells, photos, note.
        assert found.count(wanted) >= 15, word
    if ending == ".html":
        tags = {tag for tag, _ in Page(content).tags}
        assert not tags & {"script", "iframe", "object", "link", "a", "form"}


def test_a_letter_without_a_glyph_is_named_in_print_and_kept_elsewhere(demo_town):
    word = "巷道😀\U000f1234"  # of private use: no font has it
    made = hostile(demo_town, [word], maps=False)
    with pytest.raises(CwmapError, match=r"U\+F1234"):
        written(made, ".pdf")
    for ending in (".pptx", ".docx", ".html"):
        assert word in text(written(made, ending).content, ending)


def test_every_page_of_made_up_numbers_is_marked(usual, usual_files):
    for done in (usual_files[".pdf"], written(usual, ".pdf", one_page=True)):
        pages = of_pdf(done.content)
        assert len(pages) == done.pages
        assert all("示例" in squeezed(page) for page in pages)
    done = usual_files[".pptx"]
    slides = of_pptx(done.content)
    assert done.slides == len(slides)
    assert all("示例" in slide.split("\n") for slide in slides)
    paper = Document(io.BytesIO(usual_files[".docx"].content))
    assert "示例" in paper.sections[0].header.paragraphs[0].text
    assert "示例" in Page(usual_files[".html"].content).texts
    plain = tuple(replace(section, map=None) for section in usual.sections)
    honest = replace(usual, synthetic=False, sections=plain)
    for ending in FORMATS:
        assert "示例数据" not in text(written(honest, ending).content, ending)


def test_slides_are_wide_native_and_large(usual_files):
    content = usual_files[".pptx"].content
    deck = Presentation(io.BytesIO(content))
    assert deck.slide_width * 9 == pytest.approx(deck.slide_height * 16, rel=1e-4)
    assert [layout.name for layout in deck.slide_layouts] == ["标题"]
    titles = [slide.shapes.title.text for slide in deck.slides]
    assert all(titles)
    for slide in deck.slides:
        for shape in slide.shapes:
            inside = shape.left >= 0 and shape.top >= 0
            assert inside
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height
            if shape.has_text_frame and shape.top < deck.slide_height * 0.9:
                sizes = [r.font.size.pt for p in shape.text_frame.paragraphs for r in p.runs]
                assert all(size >= 12 for size in sizes), shape.text_frame.text
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        themes_of = [parts.read(n).decode() for n in parts.namelist() if "/theme/" in n]
    assert all("0F6E6E" in theme and "Calibri" not in theme for theme in themes_of)


def test_the_document_follows_the_standard_of_official_papers(usual_files):
    """GB/T 9704—2012: margins, 小标宋 22 pt, 黑体, 仿宋 16 pt, a page number."""
    paper = Document(io.BytesIO(usual_files[".docx"].content))
    page = paper.sections[0]
    margins = (page.top_margin, page.bottom_margin, page.left_margin, page.right_margin)
    assert [round(m / Mm(1)) for m in margins] == [37, 35, 28, 26]
    fonts = {
        style: (
            paper.styles[style].element.rPr.rFonts.get(qn("w:eastAsia")),
            paper.styles[style].font.size.pt,
        )
        for style in ("Title", "Heading 1", "Normal")
    }
    assert fonts == {
        "Title": ("方正小标宋简体", 22),
        "Heading 1": ("黑体", 16),
        "Normal": ("仿宋_GB2312", 16),
    }
    assert "PAGE" in page.footer.paragraphs[0]._p.xml
    headings = [p.text for p in paper.paragraphs if p.style.name == "Heading 1"]
    assert headings[0] == "一、总体情况"
    assert headings[-1].endswith("、口径说明")
    for table in paper.tables:
        if len(table.rows) > 1:
            assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None


def test_the_web_page_needs_nothing_else(usual_files):
    content = usual_files[".html"].content
    page = Page(content)
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(rb"(?:src|href)=\"(?!data:)|url\(", content)


def test_an_empty_workspace_has_a_brief_too(workspace: Workspace):
    made = brief(open_town(workspace), workspace, Filter(), dated=DAY)
    assert made.sections[0].sentence == "本期没有上报问题。"
    for ending in FORMATS:
        assert "本期没有上报问题" in text(written(made, ending).content, ending)
    assert written(made, ".pdf", one_page=True).pages == 1


def test_photos_before_and_after(demo_workspace: Workspace, tmp_path: Path):
    shutil.copytree(demo_workspace.folder, tmp_path / "town")
    workspace = Workspace.open(tmp_path / "town")
    reports = workspace.read("reports", ["report_id", "status", "reported_at"])
    task = reports[reports["status"] == "assigned"].sort_values("reported_at")["report_id"].iloc[-1]
    before = photos.store(workspace.folder, jpeg())
    row = workspace.read("reports")
    row = row[row["report_id"] == task][["report_id", "reported_at", "category"]].assign(
        photo=before
    )
    with workspace.changing() as change:
        merged = change.merge("reports", row)
        change.finish("import", "reports", "", merged, 0)
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "green").save(out, "PNG")
    after = photos.store(workspace.folder, out.getvalue())
    steps.act(workspace, [task], "fix", "张某某", role="office", photo=after)
    made = brief(open_town(workspace), workspace, Filter(), dated=DAY)
    (pair,) = made.section("photos").photos
    stored = [(workspace.folder / "photos" / name).read_bytes() for name in (before, after)]
    assert [pair.before, pair.after] == stored
    with zipfile.ZipFile(io.BytesIO(written(made, ".pptx").content)) as parts:
        media = {parts.read(name) for name in parts.namelist() if name.endswith(".jpg")}
    assert media == set(stored)
    assert "整治前后" in text(written(made, ".pdf").content, ".pdf")


@pytest.mark.parametrize(
    ("name", "one_page", "said"),
    [("通报.txt", False, ".pptx"), ("通报", False, ".docx"), ("通报.docx", True, "--one-page")],
)
def test_what_cannot_be_written_is_said_before_the_work(name, one_page, said):
    with pytest.raises(CwmapError, match=re.escape(said)):
        briefs.check(Path(name).suffix, one_page)


def test_the_command(demo_workspace, tmp_path, monkeypatch, capfd):
    target = tmp_path / "通报.pptx"
    words = [
        "cwmap",
        "brief",
        str(target),
        "-w",
        str(demo_workspace.folder),
        "--category",
        "road",
        "--json",
    ]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = json.loads(capfd.readouterr().out)
    assert end.value.code == 0
    assert said["slides"] == len(Presentation(target).slides)
    assert said["sections"][:3] == ["overview", "where", "lanes"]
    assert said["file"] == str(target)
    monkeypatch.setattr(sys, "argv", [*words[:2], str(tmp_path / "x.txt"), *words[3:]])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capfd.readouterr()
    assert end.value.code == 1
    assert out == ""
    assert "文件名请用这些结尾" in err


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_opens_slides_and_document(usual_files, tmp_path):
    for ending in (".pptx", ".docx"):
        (tmp_path / f"t{ending}").write_bytes(usual_files[ending].content)
        command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
        command += ["--convert-to", "pdf", "--outdir", str(tmp_path), str(tmp_path / f"t{ending}")]
        subprocess.run(command, check=True, capture_output=True, timeout=150)
        number = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "t.pdf").read_bytes()))
        if ending == ".pptx":
            assert number == usual_files[ending].slides
        else:
            assert number >= 5
        (tmp_path / "t.pdf").unlink()
