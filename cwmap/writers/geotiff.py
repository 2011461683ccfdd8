"""A raster as a GeoTIFF (OGC 19-008r4), written with Pillow: its floats, or their classes in colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags

NODATA = -9999.0
_CLASS_NODATA, _NOTHING = 0, "没有问题"
_PIXEL_SCALE, _TIEPOINT, _KEYS, _GDAL_METADATA, _GDAL_NODATA = 33550, 33922, 34735, 42112, 42113


def write_geotiff(
    path: Path, values: npt.NDArray[np.float32], transform: tuple[float, ...], epsg: int,
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Write values (rows, columns), row 0 in the north, in a projected system.

    transform: as `geo.heat.HeatGrid.transform`, with square pixels and without rotation. facts: what
    GDAL and QGIS show as the file's metadata. NODATA is declared; a pixel without reports holds 0.
    """
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    _save(image, path, transform, epsg, facts, NODATA)


def write_class_geotiff(
    path: Path, values: npt.NDArray[np.float32], transform: tuple[float, ...], epsg: int,
    facts: Mapping[str, str], steps: Sequence[float], colours: Sequence[str],
) -> None:  # fmt: skip
    """Write the classes of values as bytes with a colour table: any viewer shows them coloured.

    Class k + 1 for values in the k-th of the ranges between `steps` (its upper end included), in
    `colours[k]` (#rrggbb); 0, declared as no data, where there is nothing. The ranges are the
    categories' names, in the file `….aux.xml` beside it, where GDAL, QGIS and ArcGIS look for them.
    """
    codes = np.where(values > 0, np.searchsorted(steps, values, side="left") + 1, 0)
    image = Image.fromarray(codes.astype(np.uint8)).convert("P")
    table = np.zeros((256, 3), np.uint8)
    table[1 : len(colours) + 1] = [tuple(bytes.fromhex(colour[1:])) for colour in colours]
    image.putpalette(table.tobytes())
    names = [_NOTHING, *class_names(steps)]
    told = {f"class_{code}": name for code, name in enumerate(names)}
    _save(image, path, transform, epsg, {**facts, **told}, _CLASS_NODATA)
    path.with_name(f"{path.name}.aux.xml").write_text(_categories(names), encoding="utf-8")


def class_names(steps: Sequence[float]) -> list[str]:
    """The ranges between steps in words, lowest first; none where all is nothing."""
    if not steps:
        return []
    pairs = zip((0.0, *steps), steps, strict=False)
    return [*(f"{low:g}–{high:g} 件/公顷" for low, high in pairs), f"{steps[-1]:g} 件/公顷以上"]


def _save(
    image: Image.Image, path: Path, transform: tuple[float, ...], epsg: int,
    facts: Mapping[str, str], nodata: float,
) -> None:  # fmt: skip
    pixel_m, _, west, _, _, north = transform
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, content in (
        (_PIXEL_SCALE, TiffTags.DOUBLE, (pixel_m, pixel_m, 0.0)),
        (_TIEPOINT, TiffTags.DOUBLE, (0.0, 0.0, 0.0, west, north, 0.0)),
        # Version 1.1 and three keys: projected (1024), pixels are areas (1025), its code (3072).
        (_KEYS, TiffTags.SHORT, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, epsg)),
        (_GDAL_METADATA, TiffTags.ASCII, _metadata(facts)),
        (_GDAL_NODATA, TiffTags.ASCII, f"{nodata:g}"),
    ):
        tags.tagtype[tag] = kind
        tags[tag] = content
    image.save(path, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")


def _categories(names: Sequence[str]) -> str:
    root = ET.Element("PAMDataset")
    listed = ET.SubElement(ET.SubElement(root, "PAMRasterBand", band="1"), "CategoryNames")
    for name in names:
        ET.SubElement(listed, "Category").text = name
    return ET.tostring(root, encoding="unicode")


def _metadata(facts: Mapping[str, str]) -> str:
    root = ET.Element("GDALMetadata")
    for name, text in facts.items():
        ET.SubElement(root, "Item", name=name).text = text
    return str(ET.tostring(root, encoding="us-ascii"), "ascii")  # Chinese as character references
