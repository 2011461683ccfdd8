"""Photos of reports and tasks: checked, turned upright, shrunk, and without anything but the picture.

A photo is stored as <workspace>/photos/<hash of its content>.jpg, so that the same picture is there
once and a name never means two pictures. Position, time and camera of the original are left out.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from cwmap.errors import CwmapError

FOLDER = "photos"
MAX_BYTES = 30 * 1024**2
MAX_PIXELS = 60_000_000
LONGEST_PX = 1600

_QUALITY = 85
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_HEIC = re.compile(rb"....ftyp(?:heic|heix|hevc|heim|heis|hevm|hevs|mif1|msf1|avif)", re.DOTALL)


@dataclass(frozen=True)
class Photo:
    """A picture ready to be stored: its name and its JPEG."""

    name: str
    jpeg: bytes


def prepare(content: bytes, called: str = "照片") -> Photo:
    """Check a picture and make it ready; the same content gives the same photo.

    called: what a message calls it. CwmapError: too large, no picture, damaged, or HEIC.
    """
    if len(content) > MAX_BYTES:
        raise CwmapError(f"“{called}”超过 {MAX_BYTES // 1024**2} MB；请压缩后再上传。")
    if _HEIC.match(content[:32]):
        raise CwmapError(
            f"“{called}”是苹果手机的 HEIC 格式，本软件读不了；请在手机“设置—相机—格式”里选“兼容性最佳”，"
            "或另存为 JPG 后再上传。"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", Image.DecompressionBombWarning
            )  # our own limit is below
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise CwmapError(
                        f"“{called}”有 {picture.width}×{picture.height} 像素，超过 {MAX_PIXELS // 10**4:,} 万；"
                        "请缩小后再上传。"
                    )
                # A large JPEG is decoded at a fraction of its size at once.
                picture.draft("RGB", (LONGEST_PX, LONGEST_PX))
                upright = ImageOps.exif_transpose(picture)
                upright.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS)
                jpeg = _jpeg(_opaque(upright))
    except CwmapError:
        raise
    except UnidentifiedImageError as error:
        raise CwmapError(f"“{called}”不是照片，或格式读不了；请用 JPG 或 PNG。") from error
    except Image.DecompressionBombError as error:
        raise CwmapError(f"“{called}”的像素太多；请缩小后再上传。") from error
    except Exception as error:  # strangers' bytes fail in ways that nobody has listed
        raise CwmapError(f"“{called}”已损坏或没有传完整；请重新拍摄或上传。") from error
    return Photo(f"{hashlib.sha256(jpeg).hexdigest()[:32]}.jpg", jpeg)


def keep(folder: Path, photo: Photo) -> str:
    """Write a photo into the workspace in `folder`, whole or not at all; returns its name."""
    target = folder / FOLDER / photo.name
    if target.exists():
        return photo.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(suffix=".part", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(photo.jpeg)
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(target)
        finally:
            with suppress(OSError):
                Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise CwmapError(
            f"照片写不进“{target.parent}”；请检查文件夹的写权限和磁盘空间。"
        ) from error
    return photo.name


def store(folder: Path, content: bytes, called: str = "照片") -> str:
    """`prepare` and `keep`: the name under which the picture is stored."""
    return keep(folder, prepare(content, called))


def path(folder: Path, name: str) -> Path | None:
    """Where a photo of this name lies, None if there is none; nothing outside of the photos' folder."""
    place = folder / FOLDER
    wanted = place / name
    inside = name and "/" not in name and "\\" not in name and wanted.parent == place
    return wanted if inside and wanted.is_file() else None


def _opaque(picture: Image.Image) -> Image.Image:
    """RGB on white: a JPEG knows no transparency."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Image.new("RGB", layer.size, "white")
        ground.paste(layer, mask=layer.getchannel("A"))
        return ground
    return picture.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    plain = Image.new("RGB", picture.size)  # a fresh one carries no EXIF, XMP, profile or comment
    plain.paste(picture)
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
