"""Bytes of a text file → text: UTF-8, UTF-16 with a mark, GB18030; never a guess about a mixture."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import without_marks

# What a user may ask for. GB18030 holds all of GBK and GB2312.
ENCODINGS = {
    "utf-8": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8", "65001": "utf-8",
    "utf-16": "utf-16", "utf16": "utf-16", "unicode": "utf-16",
    "gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030",
    "936": "gb18030", "ansi": "gb18030", "ansi 936": "gb18030", "54936": "gb18030",
    "big5": "cp950", "cp950": "cp950", "950": "cp950", "ansi 950": "cp950",
    "latin-1": "latin-1", "iso-8859-1": "latin-1", "iso8859-1": "latin-1", "88591": "latin-1",
    "1252": "cp1252", "cp1252": "cp1252", "ansi 1252": "cp1252", "windows-1252": "cp1252",
}  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_SAVE_AGAIN = "请另存为 UTF-8 编码后再导入（表格可在 WPS 中另存为“CSV UTF-8”或 .xlsx）"

_CONTROLS = re.compile("[\x01-\x08\x0e-\x19\x1b-\x1f]")
_HEAD = 1 << 16  # characters that are looked at to tell text from other bytes
_CHUNK = 1 << 23
# In text decoded with surrogateescape: a line of valid UTF-8, and one that is not.
_VALID_LINE = re.compile("^[^\udc80-\udcff\n]++$", re.MULTILINE)
_BROKEN_LINE = re.compile("[\udc80-\udcff].*")
_HANZI = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Decoded:
    """A text without marks that nobody sees, its line ends all \\n, and where it came from."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def codec(encoding: str) -> str:
    """Python's name of an encoding that a user asks for; UnreadableFile for an unknown one."""
    try:
        return ENCODINGS[encoding.strip().lower().replace("_", "-")]
    except KeyError:
        raise UnreadableFile(
            f"没有名为“{encoding}”的编码，请改用 utf-8、gb18030、utf-16 或 big5，或留空自动识别"
        ) from None


def spoken(encoding: str) -> str:
    """An encoding as people write it."""
    return {"utf-8": "UTF-8", "gb18030": "GB18030", "utf-16": "UTF-16", "cp950": "Big5"}.get(
        encoding, encoding
    )


def decode(content: bytes, encoding: str | None = None) -> Decoded:
    """Text of a file; UnreadableFile names the first line that is not text in its encoding."""
    named = codec(encoding) if encoding else next(
        (name for bom, name in _BOMS if content.startswith(bom)), None
    )  # fmt: skip
    if named != "utf-16" and 10 * content.count(0) > len(content):
        raise UnreadableFile("内容不是文本（可能没有下载完整），请重新取得这个文件")
    text, used = _decoded(content, named)
    if len(_CONTROLS.findall(text, 0, _HEAD)) * 50 > min(len(text), _HEAD):
        raise UnreadableFile("内容不是文本，请确认文件没有选错")
    notes = () if used == "utf-8" else (f"文件按 {spoken(used)} 编码读取",)
    text = without_marks(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Decoded(text.removesuffix("\x1a"), used, notes)


def _decoded(content: bytes, named: str | None) -> tuple[str, str]:
    if named:
        try:
            return content.decode(named), named
        except UnicodeDecodeError as error:
            line = 1 + content.count(b"\n", 0, error.start)
            raise UnreadableFile(
                f"第 {line} 行有不属于 {spoken(named)} 编码的字符，"
                f"请改选编码，或{_SAVE_AGAIN.removeprefix('请')}"
            ) from error
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        whole = content[: error.start]
        if error.reason == "unexpected end of data" and _HANZI.search(whole.decode("utf-8")):
            raise UnreadableFile("文件末尾不完整，请重新取得这个文件") from error
    mixed = _mixed_line(content)
    if mixed:
        raise UnreadableFile(
            f"第 {mixed} 行的编码与其他行不同（UTF-8 与 GB18030 混用），{_SAVE_AGAIN}"
        )
    try:
        return content.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise UnreadableFile(
            f"第 {line} 行有无法识别的字符（既不是 UTF-8，也不是 GB18030），{_SAVE_AGAIN}"
        ) from error


def _mixed_line(content: bytes) -> int | None:
    """First line in the rarer encoding of a file that mixes UTF-8 and another; None if none does.

    GB18030 finds a character in nearly any bytes, so that UTF-8 lines in a GB18030 file would be
    read without an error, as nonsense. A line counts as UTF-8 if it is valid as such and shows
    common Chinese characters: in a line of GB18030 that happens by chance in next to none.
    """
    first = {"utf-8": 0, "other": 0}
    count = {"utf-8": 0, "other": 0}
    lines_before = start = 0
    while start < len(content):
        end = content.find(b"\n", start + _CHUNK) + 1 or len(content)
        text = content[start:end].decode("utf-8", "surrogateescape")
        found = {
            "utf-8": [m.start() for m in _VALID_LINE.finditer(text) if shows_chinese(m[0])],
            "other": [m.start() for m in _BROKEN_LINE.finditer(text)],
        }
        for kind, starts in found.items():
            if starts and not first[kind]:
                first[kind] = lines_before + 1 + text.count("\n", 0, starts[0])
            count[kind] += len(starts)
        lines_before += text.count("\n")
        start = end
    if not count["utf-8"]:
        return None
    return first["utf-8"] if count["utf-8"] < count["other"] else first["other"]


def shows_chinese(text: str) -> bool:
    """Whether a text shows Chinese, most of it common characters (the first level of GB 2312)."""
    hanzi = _HANZI.findall(text)
    common = sum(0xB0 <= char.encode("gb2312", "replace")[0] <= 0xD7 for char in hanzi)
    return len(hanzi) > 0 and 10 * common >= 8 * len(hanzi)
