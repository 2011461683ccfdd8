"""Photos come in as people have them and are kept as nothing but a picture."""

import io
from pathlib import Path

import pytest
from PIL import Image

from cwmap import photos
from cwmap.errors import CwmapError


def picture(size=(400, 200), form="JPEG", **how) -> bytes:
    image = Image.new("RGB", size, "white")
    image.paste((200, 0, 0), (0, 0, size[0] // 4, size[1] // 4))  # red in the top left corner
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def with_position(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Phone"
    exif.get_ifd(0x8825).update({1: "N", 2: (33.0, 23.0, 12.0), 3: "E", 4: (104.0, 55.0, 1.0)})
    return picture(exif=exif.tobytes(), comment=b"secret", dpi=(72, 72))


def test_position_and_camera_are_gone() -> None:
    original = with_position()
    assert dict(Image.open(io.BytesIO(original)).getexif().get_ifd(0x8825))
    kept = Image.open(io.BytesIO(photos.prepare(original).jpeg))
    assert not dict(kept.getexif())
    assert not dict(kept.getexif().get_ifd(0x8825))
    assert {"exif", "comment", "xmp", "icc_profile"}.isdisjoint(kept.info)
    jpeg = photos.prepare(original).jpeg
    assert b"Exif" not in jpeg
    assert b"Phone" not in jpeg
    assert b"secret" not in jpeg


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [(1, (400, 200), (5, 5)), (3, (400, 200), (395, 195)), (6, (200, 400), (195, 5)),
     (8, (200, 400), (5, 395))],
)  # fmt: skip
def test_turned_upright(orientation: int, size: tuple[int, int], red: tuple[int, int]) -> None:
    kept = Image.open(io.BytesIO(photos.prepare(with_position(orientation)).jpeg))
    assert kept.size == size
    r, g, _ = kept.convert("RGB").getpixel(red)  # type: ignore[misc]
    assert r > 150 > g


def test_shrunk_but_never_enlarged() -> None:
    assert Image.open(io.BytesIO(photos.prepare(picture((4000, 1000))).jpeg)).size == (1600, 400)
    assert Image.open(io.BytesIO(photos.prepare(picture((30, 20))).jpeg)).size == (30, 20)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_other_formats(form: str) -> None:
    assert Image.open(io.BytesIO(photos.prepare(picture(form=form)).jpeg)).format == "JPEG"


def test_transparent_ground_is_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(out, "PNG")
    kept = Image.open(io.BytesIO(photos.prepare(out.getvalue()).jpeg))
    assert min(kept.getpixel((10, 10))) > 250  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "不是照片"),
        (b"%PDF-1.7 ...", "不是照片"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "不是照片"),
        (picture()[:600], "已损坏"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\xff\xd8" + bytes(photos.MAX_BYTES), "超过 30 MB"),
    ],
)
def test_what_is_no_photo(content: bytes, said: str) -> None:
    with pytest.raises(CwmapError, match=said) as error:
        photos.prepare(content, "甲.jpg")
    assert "甲.jpg" in str(error.value)


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < 10**6
    with pytest.raises(CwmapError, match="像素"):
        photos.prepare(out.getvalue())
    out = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(out, "PNG")  # 64 million: Pillow itself would take it
    with pytest.raises(CwmapError, match="8000×8000"):
        photos.prepare(out.getvalue())


def test_stored_once_under_its_content(tmp_path: Path) -> None:
    first, again = (photos.store(tmp_path, picture(), "a.jpg") for _ in range(2))
    other = photos.store(tmp_path, picture((500, 200)), "a.jpg")
    assert first == again != other
    assert sorted(p.name for p in (tmp_path / "photos").iterdir()) == sorted([first, other])
    assert photos.path(tmp_path, first) == tmp_path / "photos" / first
    for outside in ("../town.gpkg", "..", "", "nix.jpg", "a/b.jpg", "C:\\a.jpg"):
        assert photos.path(tmp_path, outside) is None
