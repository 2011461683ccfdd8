"""Damaged, hostile and mistaken files: one Chinese sentence that helps, and nothing left behind."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import socket
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from cwmap.errors import UnreadableFile
from cwmap.formats import archives, cells, sheets
from cwmap.reading import read

OLD_WORKBOOK = (Path(__file__).parent / "files" / "lanes.xls").read_bytes()
TABLE = "编号,名称\n1,文明巷\n2,南桥巷\n"


@pytest.fixture(autouse=True)
def _nothing_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    yield
    assert not list(own.iterdir())


def refusal(source: Path | tuple[str, bytes], **options: Any) -> str:
    """The sentence with which a file is refused: Chinese, one, and without foreign errors."""
    with pytest.raises(UnreadableFile) as caught:
        read(source, **options)
    sentence = str(caught.value)
    assert re.match("“.*”无法读取：.*[请能需].*。$", sentence, re.DOTALL), sentence
    assert "\n" not in sentence
    assert sentence.count("。") == 1
    assert not re.search("[Ee]rror|Exception|Traceback|failed|invalid", sentence), sentence
    return sentence


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(content := io.BytesIO())
    return content.getvalue()


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def with_part(content: bytes, part: str, change: Any) -> bytes:
    """A zip in which one part is another."""
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    return packed(members | {part: change(members[part])})


SHEET = "xl/worksheets/sheet1.xml"
WORKBOOK = workbook([["编号", "名称"], ["1", "文明巷"]])


def with_cells(xml: bytes) -> bytes:
    """The workbook with more in its sheet."""
    return with_part(
        WORKBOOK, SHEET, lambda data: data.replace(b"</sheetData>", xml + b"</sheetData>")
    )


# What people pick by mistake


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "图片"),
        ("a.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF"),
        ("a.shp", b"Rar!\x1a\x07\x00abc", "RAR"),
        ("a.xlsx", b"7z\xbc\xaf\x27\x1c\0\4", "7z"),
        ("a.dwg", b"AC1032\0\0\0\0", "DWG"),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "网页"),
        ("a.xls", b"<META http-equiv=Content-Type>\n<table>", "网页"),
        ("a.xls", b"MIME-Version: 1.0\nContent-Type: multipart/related", "网页存档"),
        ("a.xls", b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "旧表格"),
        ("a.xlsx", packed({"word/document.xml": b"<w/>"}), "Word 文档"),
        ("a.xlsx", packed({"xl/workbook.bin": b"\0"}), ".xlsb"),
        ("a.ods", packed({"mimetype": b"application", "content.xml": b"<x/>"}), ".ods"),
        ("a.xlsx", packed({"readme": b"x"}), "内容不是 Excel 表格"),
        ("a.xlsx", random.Random(1).randbytes(2000), "内容与扩展名 .xlsx 不符"),
        ("a.shp", b"not a shapefile", "内容与扩展名 .shp 不符"),
        ("a.gpkg", TABLE.encode(), "内容与扩展名 .gpkg 不符"),
        ("a.docx", b"text", "内容与扩展名 .docx 不符"),
        ("a.dbf", b"\3" + b"1" * 200, "请选择同名的 .shp"),
        ("a.kml", b"<gpx><wpt/></gpx>", "不是 KML"),
        ("a.json", b'[{"a": 1}]', "JSON"),
        ("a.json", b'{"type": "Topology", "objects": {}}', "不是 GeoJSON"),
        ("a.geojson", b'{"displayFieldName": "", "features": [{"attributes": {}}]}', "不是 GeoJSON"),
        ("a.csv", b"", "空的"),
        ("a.csv", b" \n\n\t\n", "空的"),
        ("a.xlsx", workbook([]), "没有内容"),
        ("a.csv", b"\0" * 100_000_000, "空字节"),
        ("a.xlsx", b"\0" * 1000, "空字节"),
        ("a.shp", b"\0" * 1000, "空字节"),
        ("a.csv", b"abc\0\0\0\0\0" * 50, "不是文本"),
        ("a.csv", bytes(range(1, 32)) * 50, "不是文本"),
    ],
)  # fmt: skip
def test_not_what_it_seems(name: str, content: bytes, words: str) -> None:
    assert words in refusal((name, content))


def test_paths_that_are_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "文件夹" in refusal(tmp_path)
    assert "不存在" in refusal(tmp_path / "无.csv")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "管道.csv")
        assert "不是普通文件" in refusal(tmp_path / "管道.csv")
    path = tmp_path / "a.csv"
    path.write_text(TABLE, encoding="utf-8")

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "没有权限" in refusal(path)


def test_files_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(archives.MAX_FILE_BYTES + 1)  # a hole: takes no room on the disk
    assert "300 MB" in refusal(path)
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 10)
    assert "MB" in refusal(("a.csv", TABLE.encode()))


def test_too_many_rows_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    header = ",".join(f"字段{n}" for n in range(301))
    assert "300 列" in refusal(("a.csv", f"{header}\n{header}\n".encode()))
    assert "请确认文件是表格" in refusal(("a.csv", ("编号,名称\n1" + "," * 5000).encode()))
    monkeypatch.setattr("cwmap.formats.delimited.MAX_ROWS", 2)
    assert "超过 2 行" in refusal(("a.csv", TABLE.encode()))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"sheet": "巷道"}, "没有名为“巷道”的工作表，请从这些里选：Sheet"),
    ],
)
def test_a_sheet_that_is_not_there(option: dict[str, str], words: str) -> None:
    assert words in refusal(("a.xlsx", WORKBOOK), **option)


# Encodings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"a,b\n" + "文明巷,南桥巷\n".encode("gbk") * 5 + "北山巷,石家庄\n".encode(),
            "第 7 行的编码",
        ),
        (
            "编号,名称\n".encode() + "1,文明巷\n".encode() * 5 + "2,北山\n".encode("gbk"),
            "第 7 行的编码",
        ),
        ("编号\n文明巷\n".encode("gbk") + b"x\n\xff\xff\n", "第 4 行有无法识别的字符"),
        (TABLE.encode()[:-2], "末尾不完整"),
        ("\ufeff编号".encode() + b"\n1\n\xb0\xa1\n", "第 3 行有不属于 UTF-8 编码的字符"),
    ],
)
def test_mixed_and_broken_encodings(content: bytes, words: str) -> None:
    assert words in refusal(("a.csv", content))


def test_an_encoding_that_was_asked_for() -> None:
    assert "没有名为“klingon”的编码" in refusal(("a.csv", TABLE.encode()), encoding="klingon")
    assert "没有名为“zlib”的编码" in refusal(("a.csv", TABLE.encode()), encoding="zlib")
    assert "第 1 行有不属于 UTF-8" in refusal(("a.csv", TABLE.encode("gbk")), encoding="utf-8")


def test_a_quote_without_its_pair() -> None:
    text = '编号,名称\n1,"文明\n巷"\n2,"南桥巷\n3,北山巷\n' + "4,建设巷\n" * 200
    assert "第 4 行的引号没有成对" in refusal(("a.csv", text.encode()))


# Archives


def test_archives_that_hold_something_else() -> None:
    table = TABLE.encode()
    assert "2 个可导入的文件（“a.csv”、“b.csv”）" in refusal(
        ("a.zip", packed({"a.csv": table, "b.csv": table}))
    )
    assert "没有可导入的文件" in refusal(("a.zip", packed({"a.exe": b"MZ"})))
    assert "里还有压缩包" in refusal(("a.zip", packed({"a.zip": packed({"a.csv": table})})))
    assert "里还有压缩包" in refusal(("a.zip", packed({"a.csv": packed({"a.csv": table})})))
    assert "里还有压缩包" in refusal(("a.csv.gz", gzip.compress(gzip.compress(table))))
    assert "里还有压缩包" in refusal(("a.csv.gz", gzip.compress(packed({"a.csv": table}))))
    assert "KMZ 里没有 KML" in refusal(("a.kmz", packed({"a.csv": table})))
    clutter = packed({"__MACOSX/._a.csv": b"\0", "~$a.xlsx": b"\0", "a.csv": table})
    assert len(read(("a.zip", clutter)).table) == 2


@pytest.mark.parametrize(
    "name", ["../a.csv", "/etc/a.csv", "x/../../a.csv", "C:\\a.csv", "..\\a.csv"]
)
def test_paths_out_of_an_archive(name: str) -> None:
    assert "指向包外的路径" in refusal(("a.zip", packed({name: TABLE.encode()})))


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = packed({"a.csv": b"\0" * 60_000_000})
    assert len(zeros) < 100_000
    assert "解压后的内容过大" in refusal(("a.zip", zeros))
    assert "解压后的内容过大" in refusal(
        ("a.xlsx", packed({"xl/workbook.xml": b"\0" * 60_000_000}))
    )
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1_000_000)
    assert "解压后超过" in refusal(("a.csv.gz", gzip.compress(b"a" * 2_000_000)))
    assert "解压后超过" in refusal(("a.zip", packed({"a.csv": b"a" * 2_000_000})))


def lying(content: bytes, size: int) -> bytes:
    """A zip that says its first member unpacks to `size` bytes, and gives the checksum of those."""
    content_ = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.infolist()[0]
        crc = zlib.crc32(archive.read(member)[:size])
    central = content.rindex(b"PK\x01\x02", 0, content.index(b"PK\x05\x06"))
    for at in (14, central + 16):
        struct.pack_into("<I", content_, at, crc)
    for at in (22, central + 24):
        struct.pack_into("<I", content_, at, size)
    return bytes(content_)


def test_an_archive_that_lies_about_sizes() -> None:
    whole = packed({"a.csv": b"a,b\n" + b"1,2\n" * 1000})
    short = lying(whole, 400)
    with zipfile.ZipFile(io.BytesIO(short)) as archive:
        assert len(archive.read("a.csv")) == 400  # zipfile alone takes the lie for the truth
    assert "已损坏" in refusal(("a.zip", short))


def test_a_locked_archive() -> None:
    content = bytearray(packed({"a.csv": TABLE.encode()}))
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    assert "有密码" in refusal(("a.zip", bytes(content)))


# Workbooks


@pytest.mark.parametrize(
    "xml",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row r = '1048576'><c s='0' r\n=\n'XFD1048576'><v>1</v></c></row>",
        b'<row r="3"><c s=">" r="XFD1048576"><v>1</v></c></row>',
        b'<row r="1048576"><c r="xfd1048576" t="inlineStr"><is><t>x</t></is></c></row>',
        b'<row r="4000000000"><c><v>1</v></c></row>',
    ],
)
def test_a_cell_far_out_does_not_end_the_process(xml: bytes) -> None:
    """calamine would ask for 550 GB, and Rust ends the process when it does not get them."""
    assert "请删去表格右侧和下方多余的行列" in refusal(("a.xlsx", with_cells(xml)))


def test_too_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_CELLS", 3)
    assert "超出了能读取的大小" in refusal(("a.xlsx", WORKBOOK))


def test_entities_in_a_workbook_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE w [<!ENTITY a "boom"><!ENTITY f SYSTEM "file:///etc/passwd">]><worksheet'
    content = with_part(WORKBOOK, SHEET, lambda xml: xml.replace(b"<worksheet", bomb, 1))
    content = with_part(content, SHEET, lambda xml: xml.replace("文明巷".encode(), b"&a;&f;"))
    try:
        rows = read(("a.xlsx", content), known=["编号", "名称"])
    except UnreadableFile:
        return
    assert "boom" not in rows.table.to_string()
    assert "root" not in rows.table.to_string()


def test_a_workbook_in_utf_16_is_not_taken_for_an_empty_one() -> None:
    content = with_part(WORKBOOK, SHEET, lambda xml: xml.decode().encode("utf-16"))
    assert "不是 UTF-8" in refusal(("a.xlsx", content))


def test_encrypted_workbooks() -> None:
    names = "Workbook\0\0\0\0\0\0\0\0".encode("utf-16-le"), "EncryptedPackage".encode("utf-16-le")
    assert OLD_WORKBOOK.count(names[0]) == 1
    for name in ("a.xlsx", "a.xls"):
        assert "有密码" in refusal((name, OLD_WORKBOOK.replace(*names)))
    start = OLD_WORKBOOK.index(b"\x09\x08\x10\x00") + 20
    locked = OLD_WORKBOOK[:start] + struct.pack("<HHH", 0x2F, 2, 1) + OLD_WORKBOOK[start + 6 :]
    assert "有密码" in refusal(("a.xls", locked))
    word = "WordDocument\0\0\0\0".encode("utf-16-le")
    assert "Word 文档" in refusal(("a.xls", OLD_WORKBOOK.replace(names[0], word)))


def record(kind: int) -> int:
    """Where the content of the first record of a kind stands in the old workbook."""
    at = OLD_WORKBOOK.index(b"\x09\x08\x10\x00")
    while True:
        found, length = struct.unpack_from("<HH", OLD_WORKBOOK, at)
        if found == kind:
            return at + 4
        at += 4 + length


def test_old_workbooks_that_ask_for_too_much_memory() -> None:
    """Inside calamine each of these ends the process, panics or takes memory for a billion cells."""
    directory, table = (struct.unpack_from("<I", OLD_WORKBOOK, at)[0] for at in (48, 76))
    changes = {
        "a chain in a circle": (512 * (table + 1) + 4 * directory, "<I", directory),
        "a sheet outside the file": (record(0x85), "<I", 0x7FFFFFFF),
        "a sheet outside of its bounds": (
            OLD_WORKBOOK.index(b"\x00\x02\x0e\x00") + 8,
            "<I",
            0xFFFFFFFF,
        ),
        "a cell in column 65536": (OLD_WORKBOOK.index(b"\xfd\x00\x0a\x00") + 6, "<H", 0xFFFF),
    }
    for what, (at, form, value) in changes.items():
        content = bytearray(OLD_WORKBOOK)
        struct.pack_into(form, content, at, value)
        assert "已损坏" in refusal(("a.xls", bytes(content))), what


# Layers


@pytest.fixture
def layer(tmp_path: Path) -> dict[str, bytes]:
    """A shapefile and a GeoPackage by their suffixes."""
    shapes = [shapely.box(500_000 + n, 3_696_000, 500_001 + n, 3_696_001) for n in range(5)]
    lanes = gpd.GeoDataFrame({"编号": list("abcde")}, geometry=shapes, crs="EPSG:4544")
    pyogrio.write_dataframe(lanes, tmp_path / "a.shp", encoding="GB18030")
    pyogrio.write_dataframe(lanes, tmp_path / "a.gpkg", layer="巷道")
    return {path.suffix: path.read_bytes() for path in tmp_path.glob("a.*")}


def shapefile(parts: dict[str, bytes]) -> tuple[str, bytes]:
    suffixes = (".shp", ".shx", ".dbf", ".prj")
    return "a.zip", packed({f"a{s}": parts[s] for s in suffixes if s in parts})


def test_incomplete_shapefiles(layer: dict[str, bytes], tmp_path: Path) -> None:
    assert "只有 .shp" in refusal(("a.shp", layer[".shp"]))
    for suffix in (".dbf", ".shp"):
        parts = layer | {suffix: layer[suffix][:-50]}
        assert f"{suffix} 没有下载或复制完整" in refusal(shapefile(parts))
    assert "缺少同名的 .dbf" in refusal(shapefile({".shp": layer[".shp"], ".prj": layer[".prj"]}))
    (tmp_path / "a.dbf").unlink()
    assert "缺少同名的 .dbf" in refusal(tmp_path / "a.shp")
    fewer = bytearray(layer[".dbf"])
    struct.pack_into("<I", fewer, 4, 4)
    assert "对不上" in refusal(shapefile(layer | {".dbf": bytes(fewer)}))
    surfaces = bytearray(layer[".shp"])
    struct.pack_into("<i", surfaces, 32, 31)
    assert "MultiPatch" in refusal(shapefile(layer | {".shp": bytes(surfaces)}))


def test_a_shapefile_whose_names_are_in_no_encoding(layer: dict[str, bytes]) -> None:
    broken = layer[".dbf"].replace("编号".encode("gbk"), b"\xff\xff\xff\xff")
    assert "编码无法识别" in refusal(shapefile(layer | {".dbf": broken}))
    assert "编码无法识别" in refusal(shapefile(layer), encoding="utf-8")


def test_a_broken_coordinate_system_is_only_unknown(layer: dict[str, bytes]) -> None:
    for prj in (b'GEOGCS["\xff', b"/etc/passwd", b"EPSG:999999", b"\0\0"):
        rows = read(shapefile(layer | {".prj": prj}))
        assert rows.crs is None
        assert len(rows.table) == 5


def test_no_more_features_than_can_be_read(
    layer: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("gdal", "features"):
        monkeypatch.setattr(f"cwmap.formats.{module}.MAX_ROWS", 4)
    document = {"type": "FeatureCollection", "features": [{"type": "Feature"}] * 5}
    for source in (
        shapefile(layer),
        ("a.gpkg", layer[".gpkg"]),
        ("a.json", json.dumps(document).encode()),
    ):
        assert "个要素" in refusal(source)


def test_layers_and_folders_that_are_not_there(layer: dict[str, bytes]) -> None:
    assert "请从这些里选：巷道" in refusal(("a.gpkg", layer[".gpkg"]), layer="x")
    kml = "<kml><Folder><name>巷道</name><Placemark/></Folder></kml>".encode()
    assert "请从这些里选：巷道" in refusal(("a.kml", kml), layer="x")


def test_hostile_geopackages(layer: dict[str, bytes], tmp_path: Path) -> None:
    assert "没有下载或复制完整" in refusal(("a.gpkg", layer[".gpkg"][:-4096]))
    assert "已损坏" in refusal(
        ("a.gpkg", layer[".gpkg"][:1024] + b"\xff" * (len(layer[".gpkg"]) - 1024))
    )
    path = tmp_path / "x.gpkg"
    endless = (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT n AS fid, n FROM t"
    )
    listed = "INSERT INTO gpkg_contents(table_name, data_type) VALUES ('无尽', 'attributes')"
    for sql in (
        f"CREATE VIEW 无尽 AS {endless}; {listed}",
        f"CREATE VIEW gpkg_data_columns AS {endless}",
        "CREATE VIRTUAL TABLE x USING fts4(a)",
    ):
        path.write_bytes(layer[".gpkg"])
        with sqlite3.connect(path) as database:
            database.executescript(sql)
        database.close()
        assert "视图或虚拟表" in refusal(path)
    with sqlite3.connect(tmp_path / "y.gpkg") as database:
        database.execute("CREATE TABLE a(b)")
    database.close()
    assert "不是 GeoPackage" in refusal(tmp_path / "y.gpkg")


@pytest.mark.parametrize(
    "name", ["a.shp", "a.geojson", "a.kml", "a.gpkg", "a.json", "a.csv", "a.xls", "a.vrt"]
)
def test_a_virtual_layer_does_not_open_other_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("id,x,y\nsecret,1,2\n")
    vrt = (
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{tmp_path}/secret.csv'
        "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    (tmp_path / name).write_text(vrt)
    try:
        rows = read(tmp_path / name)
    except UnreadableFile:
        return
    assert name == "a.csv"  # lines of text, as they stand there
    assert rows.kind == "csv"
    assert rows.table.empty


@pytest.mark.parametrize("kind", ["url", "URL", "link", "name"])
def test_geojson_does_not_reach_for_the_network(kind: str) -> None:
    """GDAL fetches such an address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/crs"
        crs = {"type": kind, "properties": {"url": address, "href": address, "name": address}}
        document = {"type": "FeatureCollection", "features": [], "crs": crs}
        assert read(("a.geojson", json.dumps(document).encode())).crs is None
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE kml [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><kml><Placemark><name>&b;</name></Placemark></kml>',
        '<?xml version="1.0"?><!-- x --><!DOCTYPE kml SYSTEM "http://127.0.0.1:9/x.dtd"><kml/>',
        '<!DOCTYPE kml [<!ENTITY f SYSTEM "file:///etc/passwd">]><kml><Placemark><name>&f;</name></Placemark></kml>',
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_kml(text: str, encoding: str) -> None:
    assert "实体声明" in refusal(("a.kml", text.encode(encoding)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"type": "FeatureCollection", "features": [\n{"type": "Feature"', "第 2 行不符合 JSON"),
        ('{"type": "FeatureCollection", "features": [1]}', "不符合 JSON"),
        ('{"type": "FeatureCollection"} {}', "第 1 行不符合 JSON"),
        ('{"type": "Feature", "properties": [1]}', "不符合 JSON"),
        ('{"type": "Feature", "properties": {"a": ' + "1" * 5000 + "}}", "不符合 JSON"),
        ('{"type": "Point", "coordinates": ' + "[" * 100_000 + "]" * 100_000 + "}", "不符合 JSON"),
    ],
)
def test_broken_geojson(text: str, words: str) -> None:
    assert words in refusal(("a.geojson", text.encode()))


def test_deep_and_cut_kml() -> None:
    deep = "<MultiGeometry>" * 5000 + "</MultiGeometry>" * 5000
    rows = read(("a.kml", f"<kml><Placemark>{deep}</Placemark></kml>".encode()))
    assert rows.geometry is not None
    assert rows.geometry.tolist() == [None]
    assert "第 1 行不符合 KML" in refusal(("a.kml", b"<kml><Placemark>"))


# Everything, cut anywhere and with any bytes changed


def samples(layer: dict[str, bytes]) -> dict[str, bytes]:
    kml = "<kml><Placemark><name>巷</name><Point><coordinates>1,2</coordinates></Point></Placemark></kml>"
    return {
        "a.xlsx": WORKBOOK, "a.xls": OLD_WORKBOOK, "a.csv": TABLE.encode("gb18030"),
        "b.csv": TABLE.encode("utf-16"), "a.csv.gz": gzip.compress(TABLE.encode()),
        "a.zip": shapefile(layer)[1], "a.gpkg": layer[".gpkg"], "a.kml": kml.encode(),
        "a.json": b'{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[1,2]}}',
        "a.kmz": packed({"doc.kml": kml.encode()}, zipfile.ZIP_STORED),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_never_an_accident(layer: dict[str, bytes], seed: int) -> None:
    chance = random.Random(seed)
    number_read, refusals = 0, []
    for name, whole in samples(layer).items():
        for _ in range(15):
            content = bytearray(whole)
            if chance.random() < 0.3:
                del content[chance.randrange(len(content)) :]
            else:
                for _ in range(chance.choice((1, 4, 30))):
                    content[chance.randrange(len(content))] = chance.randrange(256)
            try:
                read((name, bytes(content)))
                number_read += 1
            except UnreadableFile as error:
                refusals.append(str(error))
    assert min(number_read, len(refusals)) > 10
    assert all(sentence.endswith("。") for sentence in refusals)


def test_the_limits_are_those_that_were_agreed() -> None:
    assert archives.MAX_FILE_BYTES == 300 * 1024**2
    assert archives.MAX_UNPACKED_BYTES == 1024**3
    assert (cells.MAX_ROWS, cells.MAX_COLUMNS) == (5_000_000, 300)
