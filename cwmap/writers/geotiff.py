"""A raster as a GeoTIFF of 32-bit floats (OGC 19-008r4), written with Pillow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, TiffTags

NODATA = -9999.0
_PIXEL_SCALE, _TIEPOINT, _KEYS, _GDAL_METADATA, _GDAL_NODATA = 33550, 33922, 34735, 42112, 42113


def write_geotiff(
    path: Path, values: npt.NDArray[np.float32], transform: tuple[float, ...], epsg: int,
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Write values (rows, columns), row 0 in the north, in a projected system.

    transform: as `geo.heat.HeatGrid.transform`, with square pixels and without rotation. facts: what
    GDAL and QGIS show as the file's metadata. NODATA is declared; a pixel without reports holds 0.
    """
    pixel_m, _, west, _, _, north = transform
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, kind, content in (
        (_PIXEL_SCALE, TiffTags.DOUBLE, (pixel_m, pixel_m, 0.0)),
        (_TIEPOINT, TiffTags.DOUBLE, (0.0, 0.0, 0.0, west, north, 0.0)),
        # Version 1.1 and three keys: projected (1024), pixels are areas (1025), its code (3072).
        (_KEYS, TiffTags.SHORT, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, epsg)),
        (_GDAL_METADATA, TiffTags.ASCII, _metadata(facts)),
        (_GDAL_NODATA, TiffTags.ASCII, f"{NODATA:g}"),
    ):
        tags.tagtype[tag] = kind
        tags[tag] = content
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    image.save(path, "TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")


def _metadata(facts: Mapping[str, str]) -> str:
    root = ET.Element("GDALMetadata")
    for name, text in facts.items():
        ET.SubElement(root, "Item", name=name).text = text
    return str(ET.tostring(root, encoding="us-ascii"), "ascii")  # Chinese as character references
