"""The one way to make a printed document: a Typst template of `data/print`, and content as data.

What a spreadsheet says reaches a template as JSON and is never run as markup. A template sees the
folder of its own files and nothing else: no file of the computer, no package of the network.
Every document is PDF/A-2b, which archives take, and which cannot be made if a character has no
glyph: a name is printed as it is written or the user is told which character stands in the way.
"""

from __future__ import annotations

import functools
import json
import re
import shutil
import tempfile
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

import typst

from cwmap.errors import CwmapError
from cwmap.shipped import shipped

CHINESE_FAMILIES = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans SC",
    "思源黑体", "Microsoft YaHei", "微软雅黑", "PingFang SC", "HarmonyOS Sans SC", "MiSans",
    "Alibaba PuHuiTi 3.0", "DengXian", "Hiragino Sans GB", "WenQuanYi Micro Hei", "文泉驿微米黑",
    "WenQuanYi Zen Hei", "文泉驿正黑", "FZHei-B01", "方正黑体_GBK", "方正黑体简体", "SimHei", "黑体",
    "Droid Sans Fallback", "Noto Serif CJK SC", "Source Han Serif SC", "SimSun", "NSimSun", "宋体",
)  # fmt: skip
"""Families that hold Chinese on Windows, Linux (信创 too) and macOS, the better for a board first."""

_REMEMBERED = 10
_PACKAGE = re.compile(r'"@')
_GLYPHLESS = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


def render(
    template: str,
    content: Mapping[str, Any],
    *,
    dated: date,
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """The PDF/A-2b that `template` (such as `board.typ`) makes of `content`.

    content: what JSON can hold; the template reads it by `json(bytes(sys.inputs.content))`.
    dated: the document's date; with it the same content gives the same bytes.
    files: pictures and the like by the plain name under which the template opens them.
    Raises CwmapError if the computer has no Chinese font, or none for a character that is printed.
    """
    with _compiler(template, content, files or {}) as compiler:
        return _pdf(compiler, content, dated)


def pictures(
    template: str,
    content: Mapping[str, Any],
    *,
    kind: Literal["png", "svg"] = "png",
    ppi: float = 144,
    files: Mapping[str, bytes] | None = None,
) -> list[bytes]:
    """The pages of the same document as pictures, for a preview; arguments and errors as `render`."""
    with _compiler(template, content, files or {}) as compiler:
        # Only PDF/A reports a character without a glyph; the layout is kept, so this costs little.
        _pdf(compiler, content, None)
        made = compiler.compile(format=kind, ppi=ppi)
    assert made is not None
    return made if isinstance(made, list) else [made]


@contextmanager
def _compiler(
    template: str, content: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[typst.Compiler]:
    """A compiler whose world is a temporary folder with our templates and `files`."""
    fonts, families = _fonts()
    with tempfile.TemporaryDirectory(prefix="cwmap-print-") as folder:
        root = Path(folder)
        for source in shipped("data/print").glob("*.typ"):
            # The compiler would fetch a package from the network; it has no switch for that.
            if _PACKAGE.search(source.read_text(encoding="utf-8")):
                raise ValueError(f"{source.name} asks for a Typst package")
            shutil.copy(source, root)
        for name, data in files.items():
            if Path(name).name != name or (root / name).exists():
                raise ValueError(f"not a plain new file name: {name!r}")
            (root / name).write_bytes(data)
        inputs = {
            "content": json.dumps(_printable(content), ensure_ascii=False, allow_nan=False),
            "fonts": json.dumps(families),
        }
        compiler = typst.Compiler(root / template, root=root, font_paths=fonts, sys_inputs=inputs)
        try:
            yield compiler
        finally:
            _forget(compiler)


def _forget(compiler: typst.Compiler) -> None:
    """Free what Typst remembers of the document, some 3 MB a page.

    It keeps the layouts of its last compilations for an editor that compiles at each keystroke.
    """
    for _ in range(_REMEMBERED + 1):
        compiler.compile(b"", format="svg", sys_inputs=None)


@functools.cache
def _fonts() -> tuple[typst.Fonts, list[str]]:
    """The system's fonts, and those of `CHINESE_FAMILIES` among them, in that order."""
    fonts = typst.Fonts(include_embedded_fonts=False)
    there = {family.casefold() for family in fonts.families()}
    families = [family for family in CHINESE_FAMILIES if family.casefold() in there]
    if not families:
        raise CwmapError(
            "本机没有可用的中文字体，印不出文件；请安装一种中文字体后再试"
            "（Windows 装“微软雅黑”，Debian、统信、麒麟装 fonts-noto-cjk）。"
        )
    return fonts, families


def _pdf(compiler: typst.Compiler, content: Mapping[str, Any], dated: date | None) -> bytes:
    # PDF wants a moment; at noon UTC a reader's clock shows this same day.
    moment = datetime.combine(dated, time(12), UTC) if dated else None
    try:
        made, remarks = compiler.compile_with_warnings(
            format="pdf", pdf_standards="a-2b", timestamp=moment
        )
    except typst.TypstError as error:
        glyphless = _GLYPHLESS.findall(error.diagnostic)
        if not glyphless:
            raise
        raise _unprintable(glyphless, content) from error
    for remark in remarks:
        warnings.warn(remark, stacklevel=3)
    assert isinstance(made, bytes)
    return made


def _unprintable(glyphless: list[str], content: Mapping[str, Any]) -> CwmapError:
    """What to say of characters for which no installed font has a glyph, and where they stand."""
    signs = dict.fromkeys(_ESCAPE.sub(lambda m: chr(int(m[1], 16)), sign) for sign in glyphless)
    named = "、".join(f"“{sign}”（{' '.join(f'U+{ord(c):04X}' for c in sign)}）" for sign in signs)
    places = [t for t in dict.fromkeys(_texts(content)) if any(sign in t for sign in signs)]
    where = "、".join(f"“{text}”" for text in places[:3]) + ("等" if len(places) > 3 else "")
    return CwmapError(
        f"本机的字体印不出{named}，用在{where or '正文'}；"
        "请安装收字更多的中文字体（如 fonts-noto-cjk-extra、方正宋体超大字符集），或改写后再试。"
    )


def _texts(content: Any) -> Iterator[str]:
    """Every text of the content, in order."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _texts(value)


def _printable(content: Any) -> Any:
    """The content without characters that have no shape: controls, marks of direction, surrogates.

    They come from careless copying, print as boxes, and can turn the text after them around.
    """
    if isinstance(content, str):
        spaced = content.replace("\t", " ")
        return "".join(
            c for c in spaced if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
        )
    if isinstance(content, Mapping):
        return {key: _printable(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_printable(value) for value in content]
    return content
