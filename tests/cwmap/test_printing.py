"""The printing room: text is never markup, a template sees its folder only, no box for a letter."""

from datetime import date
from pathlib import Path

import pytest
import typst

from cwmap import printing
from cwmap.errors import CwmapError
from cwmap.printing import pictures, render

pytestmark = pytest.mark.filterwarnings("error")

DAY = date(2026, 3, 1)
HOSTILE = (
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0": *',
    "*粗* _斜_ `码` $x^2$ = 标题 - 项 + 项 / 词: 义",
    "\\ \\u{41} // 注 /* 注 */ <签> @引 ~ -- --- ...",
    "\"引\" '号' “弯” {{ x }} [x] {x} #panic()",
    "\\\" + sys.inputs.fonts + \\\"",
    "𠮷野家 שלום العربية",
    "<script>alert(1)</script>&amp;",
)  # fmt: skip
HEAD = '#set page(width: 12cm, height: 4cm)\n#set text(font: json(bytes(sys.inputs.fonts)), lang: "zh")\n'
SHOWN = HEAD + "#json(bytes(sys.inputs.content)).text"


@pytest.fixture
def template(tmp_path, monkeypatch):
    """Puts a template `t.typ` in the place of the shipped ones."""

    def write(source: str) -> str:
        (tmp_path / "t.typ").write_text(source, encoding="utf-8")
        return "t.typ"

    monkeypatch.setattr(printing, "shipped", lambda name: tmp_path)
    return write


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_markup(template, text):
    """The page is the one that shows the same characters one by one, by their code points."""
    shown = pictures(template(SHOWN), {"text": text})
    points = ", ".join(str(ord(character)) for character in text)
    spelled = HEAD + f"#({points},).map(str.from-unicode).join()"
    assert shown == pictures(template(spelled), {})


def test_pages_and_kinds(template):
    name = template(HEAD + "#json(bytes(sys.inputs.content)).pages.join(pagebreak())")
    content = {"pages": ["甲", "乙", "丙"]}
    document = render(name, content, dated=DAY)
    assert document.startswith(b"%PDF-1.7")
    assert b"/Count 3" in document
    for kind, head in (("png", b"\x89PNG"), ("svg", b"<svg")):
        pages = pictures(name, content, kind=kind)
        assert len(pages) == len(set(pages)) == 3
        assert all(page.startswith(head) for page in pages)
    assert len(pictures(name, {"pages": ["甲"]})) == 1


def test_the_same_content_gives_the_same_bytes(template):
    name = template(SHOWN)
    first = render(name, {"text": "文明巷"}, dated=DAY)
    assert first == render(name, {"text": "文明巷"}, dated=DAY)
    assert b"/CreationDate(D:20260301120000Z)" in first
    assert first != render(name, {"text": "文明巷"}, dated=date(2026, 3, 2))


def test_files_are_given_by_name(template):
    name = template(HEAD + '#image("a.svg") #read("b.txt")')
    dot = (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>'
    )
    assert render(name, {}, dated=DAY, files={"a.svg": dot, "b.txt": "字".encode()})
    for bad in ("../b.txt", "/tmp/b.txt", "sub/b.txt", "t.typ", ""):
        with pytest.raises(ValueError, match="plain new file name"):
            render(name, {}, dated=DAY, files={bad: b"x"})


def test_nothing_outside_the_folder_can_be_read(template, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("秘密", encoding="utf-8")
    up = "../" * 12 + str(secret).lstrip("/")
    for path in (str(secret), up, Path(up).as_posix(), "secret.txt"):
        with pytest.raises(typst.TypstError):
            render(template(HEAD + f'#read("{path}")'), {}, dated=DAY)


def test_a_package_is_refused_before_anything_is_compiled(template, monkeypatch):
    monkeypatch.setattr(typst, "Compiler", None)
    with pytest.raises(ValueError, match="Typst package"):
        render(template('#import "@preview/cetz:0.3.0": *'), {}, dated=DAY)


def test_a_letter_without_a_glyph_is_named_and_not_printed_as_a_box(template):
    content = {"rows": [{"text": "好"}], "text": "王\U000f1234某"}
    for make in (lambda n: render(n, content, dated=DAY), lambda n: pictures(n, content)):
        with pytest.raises(CwmapError) as told:
            make(template(SHOWN))
        message = str(told.value)
        assert "U+F1234" in message
        assert "“王\U000f1234某”" in message
        assert "“好”" not in message


@pytest.mark.parametrize("sign", ["😀", "♻️", "𠮷", "\U0002ebf0"])
def test_a_rare_sign_is_printed_or_named(template, sign):
    """Which of the two depends on the fonts of this computer."""
    name = template(SHOWN)
    without = [pictures(name, {"text": text}) for text in ("甲乙", "甲 乙")]
    try:
        page = pictures(name, {"text": f"甲{sign}乙"})
    except CwmapError as error:
        told = str(error)
    else:
        told = ""
        assert page not in without
    assert not told or f"U+{ord(sign[0]):04X}" in told


def test_signs_without_a_shape_are_left_out(template):
    name = template(SHOWN)
    given = "\ufeff王\x00某\u202e\u200b\x07某\ud800\u2066"
    assert pictures(name, {"text": given}) == pictures(name, {"text": "王某某"})
    assert pictures(name, {"text": "a\tb"}) == pictures(name, {"text": "a b"})


def test_no_chinese_font_says_what_to_do(template, monkeypatch):
    bare = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)
    printing._fonts.cache_clear()
    monkeypatch.setattr(typst, "Fonts", lambda **_: bare)
    with pytest.raises(CwmapError, match="fonts-noto-cjk"):
        render(template(SHOWN), {"text": "x"}, dated=DAY)
    monkeypatch.undo()
    # A font that is installed while the dashboard runs is found at the next try.
    assert printing._fonts()[1]


def test_an_unknown_font_or_a_broken_template_is_the_programmers_error(template):
    with pytest.warns(typst.TypstWarning, match="unknown font family"):
        render(template('#set text(font: ("Nope", "Noto Sans CJK SC"))\nx'), {}, dated=DAY)
    with pytest.raises(typst.TypstError, match="unknown variable"):
        render(template("#nope"), {}, dated=DAY)


def test_what_typst_remembers_is_forgotten(template):
    """Its store of layouts holds no document: the same page is laid out anew."""
    name = template(
        HEAD
        + "#range(300).map(n => json(bytes(sys.inputs.content)).text + str(n)).join(parbreak())"
    )
    sizes = []
    for n in range(12):
        render(name, {"text": f"文明巷{n}" * 30}, dated=DAY)
        sizes.append(_resident_mb())
    assert sizes[-1] - sizes[3] < 40


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("the process's memory is read from /proc")
    return int(statm.read_text().split()[1]) * 4096 / 2**20
