"""Lane boards: every word is there, inside the page and apart from its neighbours, in any case."""

from __future__ import annotations

import io
import itertools
import re
import zlib
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest
import segno
from PIL import Image

from cwmap.duties.boards import Board, Person, boards, preview
from cwmap.errors import CwmapError

pytestmark = pytest.mark.filterwarnings("error")

URL = "http://192.168.1.10:8501/责任?lane=X001"
PEOPLE = (
    Person("包社区领导", "王某某", "138****0001", "区住房和城乡建设局", "包抓社区", "统筹协调、督办整改",
           "每周不少于一次", "日巡、周查、月考"),
    Person("社区党支部书记", "李某某", "138****0002", "中山街社区", "社区", "组织巡查、调度人员",
           "08:30-18:00", "日巡、周查、月考"),
    Person("网格员", "", "", "中山街社区", "文明巷", "每日巡查、上报问题"),
    Person("保洁员", "张某某", "138****0004", "区环卫所", "文明巷全段", "清扫保洁、清运垃圾",
           "06:00-12:00", "六无六净"),
)  # fmt: skip
BOARD = Board(
    lane_id="X001", title="文明巷", community="中山街社区", length_m=1286.4, kind="背街小巷",
    people=PEOPLE, hotline="0939-8212345", office="武都区创建国家卫生城市指挥部办公室", url=URL,
    synthetic=False, issued=date(2026, 3, 1),
)  # fmt: skip
TWELVE = tuple(replace(PEOPLE[n % 4], name=f"赵某{n}", phone=f"138****{n:04d}") for n in range(12))
LENGTHY = (
    Person(
        "包社区领导（区委常委、常务副区长）", "阿卜杜克热木·麦麦提依明·买买提艾力江", "0939-8212345转8001",
        "陇南市武都区住房和城乡建设局市政设施管理服务中心驻中山街社区工作队", "全部辖区及背街小巷" * 3,
        "统筹协调、督办整改" * 12, "每周不少于一次" * 6, "日巡、周查、月考" * 8,
    ),
    Person("保洁员", "Wolfeschlegelsteinhausenbergerdorffwelchevoral", "1" * 60, "A" * 90, "W" * 200),
    *PEOPLE,
)  # fmt: skip
CASES = {
    "usual": BOARD,
    "twelve": replace(BOARD, people=TWELVE, synthetic=True),
    "lengthy": replace(
        BOARD, people=LENGTHY, synthetic=True, title="中山街与长江大道交叉口东侧滨河市场后巷" * 6,
        community="社区" * 150, office="办公室" * 60, hotline="0939-8212345 / 12345 / 0939-8211111",
    ),
    "crowd": replace(BOARD, people=TWELVE * 2),
    "nobody": replace(BOARD, people=()),
    "bare": replace(BOARD, people=(Person("保洁员", "张某某"),), hotline="", url="", office="",
                    community="", kind="", length_m=None),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A piece of text: where it begins (points from the lower left), its size and colour."""

    text: str
    x: float
    y: float
    size: float
    colour: list[float]


def objects(document: bytes) -> dict[int, bytes]:
    found = re.finditer(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", document, re.DOTALL)
    return {int(match[1]): match[2] for match in found}


def stream(body: bytes) -> str:
    return zlib.decompress(body.partition(b"stream\n")[2]).decode("latin-1")


def reference(body: bytes, key: str) -> int:
    match = re.search(rf"/{key} (\d+) 0 R".encode(), body)
    assert match
    return int(match[1])


def glyphs(body: str) -> dict[int, str]:
    """Glyph number → text, of a ToUnicode map."""
    return {
        int(code, 16): bytes.fromhex(text).decode("utf-16-be")
        for code, text in re.findall(r"^<([0-9A-F]{4})> <([0-9A-F]+)>$", body, re.MULTILINE)
    }


def strings(shown: str) -> bytes:
    """The bytes of all PDF strings such as (\\000\\b) or <0001>; brackets in pairs may stand bare."""
    short = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    token = re.compile(r"\\([0-7]{1,3})|\\(.)|<([0-9A-Fa-f]+)>|(.)", re.DOTALL)
    out, depth = "", 0
    for octal, escaped, hexadecimal, bare in (match.groups("") for match in token.finditer(shown)):
        if hexadecimal and not depth:
            out += bytes.fromhex(hexadecimal).decode("latin-1")
            continue
        depth -= bare == ")"
        if depth:
            out += (
                chr(int(octal, 8))
                if octal
                else short.get(escaped, escaped) or bare or f"<{hexadecimal}>"
            )
        depth += bare == "("
    return out.encode("latin-1")


def pages(document: bytes) -> list[list[Run]]:
    """The text of every page as it stands in the PDF, which an archive's reader would find."""
    every = objects(document)
    fonts = {
        match[1].decode(): glyphs(stream(every[reference(every[int(match[2])], "ToUnicode")]))
        for body in every.values()
        for match in re.finditer(rb"/(f\d+) (\d+) 0 R", body)
    }
    return [
        runs(stream(every[reference(body, "Contents")]), fonts)
        for body in every.values()
        if b"/Type/Page/" in body
    ]


def runs(content: str, fonts: dict[str, dict[int, str]]) -> list[Run]:
    number = r"(-?[\d.]+)"
    block = re.compile(
        rf"1 0 0 -1 {number} {number} cm((?:(?! cm).)*?)scn\nBT(.*?)\nET\nQ", re.DOTALL
    )
    piece = re.compile(rf"/(f\d+) {number} Tf 1 0 0 -1 {number} {number} Tm(.*?)T[Jj]", re.DOTALL)
    found = []
    for x, y, colour, shown in block.findall(content):
        pieces = piece.findall(shown)
        codes = [(fonts[p[0]], zip(*[iter(strings(p[4]))] * 2, strict=True)) for p in pieces]
        text = "".join(font[int.from_bytes(pair)] for font, pairs in codes for pair in pairs)
        paint = [float(share) for share in colour.split()[2:]]
        found.append(Run(text, float(x), float(y), float(pieces[0][1]), paint))
    return found


def words(page: list[Run]) -> str:
    return "".join(run.text for run in page)


def squeezed(text: str) -> str:
    """Without spaces and the places where a long word may be broken."""
    return "".join(text.replace("\u200b", "").split())


def box(document: bytes) -> tuple[float, float]:
    boxes = set(re.findall(rb"/MediaBox\[0 0 ([\d.]+) ([\d.]+)\]", document))
    ((width, height),) = boxes
    return float(width), float(height)


SIZES = {
    ("A4", True): (841.89, 595.28), ("A4", False): (595.28, 841.89),
    ("A3", True): (1190.55, 841.89), ("A3", False): (841.89, 1190.55),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "size", "landscape"),
    [(case, *form) for case in CASES for form in SIZES if case == "usual" or form[0] == "A4"],
)
def test_one_page_with_every_word_inside_it(case, size, landscape):
    board = CASES[case]
    document = boards([board], size, landscape=landscape)
    width, height = box(document)
    assert (width, height) == pytest.approx(SIZES[size, landscape], abs=0.01)
    (page,) = pages(document)
    text = squeezed(words(page))
    for person in board.people:
        for said in vars(person).values():
            assert squeezed(said) in text
    for said in (board.title, board.community, board.kind, board.hotline, board.office):
        assert squeezed(said) in text
    assert "公示日期2026年3月1日" in text
    assert "编号X001" in text
    assert ("示例" in text) == board.synthetic
    assert ("扫码查看本巷" in text) == bool(board.url)
    assert ("全长1,286米" in text) == (board.length_m is not None)
    # Nothing hangs out of the page or runs into the next line, column or panel.
    margin = 14 / 210 * min(width, height)
    for run in page:
        assert margin - 1 < run.x < width - margin
        assert margin / 2 < run.y < height - margin / 2
    assert_bare_margins(preview(board, size, landscape=landscape))


def assert_bare_margins(png: bytes) -> None:
    """No ink at the paper's edges below the coloured band: no line is longer than its place."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    height, width = pixels.shape
    edge, below = round(0.06 * min(height, width)), round(0.35 * height)
    for margin in (pixels[below:, :edge], pixels[below:, -edge:], pixels[-edge // 3 :]):
        assert (margin == 255).all()


@pytest.mark.parametrize("size", ["A3", "A4"])
def test_the_usual_board_is_read_from_two_metres(size):
    """On A3 names are over 10 mm high, 1/250 of 2.5 m; the small print of the duties is 5.5 mm."""
    (page,) = pages(boards([BOARD], size))
    of = {run.text: run.size for run in page}
    scale = 2**0.5 if size == "A3" else 1
    assert page[1].text == "文明巷"
    assert page[1].size >= 50 * scale
    assert of["王某某"] >= 22 * scale
    assert of["138****0001"] >= 17 * scale
    assert min(run.size for run in page) >= 11 * scale


def test_columns_do_not_touch():
    """Each cell of a row begins right of where the text before it ends (em-wide letters)."""
    (page,) = pages(boards([BOARD], "A4", landscape=False))
    row = [
        r for r in page if r.text in ("包社区领导", "王某某", "区住房和城乡建设局", "138****0001")
    ]
    row.sort(key=lambda run: run.x)
    for left, right in itertools.pairwise(row):
        assert left.x + len(left.text) * left.size < right.x
    assert len(row) == 4


def test_an_empty_post_is_said_in_the_warning_colour():
    document = boards([replace(BOARD, people=PEOPLE[2:3])])
    (page,) = pages(document)
    assert words(page).count("暂缺") == 1
    (run,) = (run for run in page if run.text == "暂缺")
    assert run.colour == pytest.approx([0xB2 / 255, 0x18 / 255, 0x2B / 255], abs=1e-6)
    assert "暂缺" not in words(pages(boards([replace(BOARD, people=PEOPLE[:2])]))[0])
    assert "暂缺" in words(pages(boards([replace(BOARD, people=())]))[0])


def test_columns_without_content_are_left_out():
    silent = replace(BOARD, people=tuple(replace(p, phone="", organisation="") for p in PEOPLE))
    text = words(pages(boards([silent]))[0])
    assert "电话" not in text.replace("监督电话", "")
    assert "单位" not in text
    assert "定时段" in text
    hourless = replace(BOARD, people=tuple(replace(p, hours="") for p in PEOPLE))
    assert "定时段" not in words(pages(boards([hourless]))[0])


@pytest.mark.parametrize("landscape", [True, False])
def test_the_code_on_the_paper_is_the_code_of_the_address(landscape):
    """Sampled module by module from the page, with the quiet zone of ISO/IEC 18004 around it."""
    ppi = 216
    document = boards([BOARD], "A4", landscape=landscape)
    every = objects(document)
    (page,) = (
        stream(every[reference(b, "Contents")]) for b in every.values() if b"/Type/Page/" in b
    )
    (placed,) = re.findall(r"q ([\d.]+) 0 0 ([\d.]+) ([\d.]+) ([\d.]+) cm/x\d+ Do", page)
    width, height, x, y = map(float, placed)
    top = box(document)[1] - y - height
    picture = Image.open(io.BytesIO(preview(BOARD, "A4", landscape=landscape, ppi=ppi))).convert(
        "L"
    )
    code = segno.make_qr(URL, error="m")
    assert code.error in ("M", "Q", "H")
    wanted = np.array([list(row) for row in code.matrix_iter(border=4)]) != 0
    module = width / len(wanted)
    assert module * 25.4 / 72 >= 0.8
    at = np.arange(len(wanted)) * module + module / 2
    pixels = np.asarray(picture)
    rows = np.round((top + at) * ppi / 72).astype(int)
    columns = np.round((x + at) * ppi / 72).astype(int)
    assert np.array_equal(pixels[np.ix_(rows, columns)] < 128, wanted)


def test_hostile_text_is_printed_as_it_stands():
    hostile = '#read("/etc/passwd")*粗*$x$\\_[]{}<b>“”‘’@引"'
    board = replace(
        BOARD, title=hostile, community=hostile, office=hostile, hotline=hostile, lane_id=hostile,
        kind=hostile, people=(Person(*[hostile] * 8), Person(hostile)), url="x" * 500,
    )  # fmt: skip
    (page,) = pages(boards([board]))
    assert squeezed(words(page)).count(squeezed(hostile)) >= 12


def test_one_page_a_lane_in_the_order_given_and_the_same_bytes_again():
    items = [replace(BOARD, title=f"第{n}巷", url=f"{URL}{n}") for n in (3, 1, 2)]
    document = boards(items)
    assert [next(r.text for r in page if "第" in r.text) for page in pages(document)] == [
        "第3巷",
        "第1巷",
        "第2巷",
    ]
    assert document == boards(items)
    assert b"/CreationDate(D:20260301120000Z)" in document


def test_two_hundred_lanes_are_one_document():
    items = [
        replace(BOARD, title=f"文明巷{n}号", lane_id=f"X{n:03d}", url=f"{URL}{n}")
        for n in range(200)
    ]
    document = boards(items, "A4")
    found = pages(document)
    assert len(found) == 200
    assert all(f"编号X{n:03d}" in squeezed(words(page)) for n, page in enumerate(found))
    assert len(document) < 8e6


def test_no_board_is_a_question_to_the_user():
    with pytest.raises(CwmapError, match="选择至少一条巷道"):
        boards([])
