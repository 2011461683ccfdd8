"""QGIS itself opens what is exported and served. Skipped where there is no QGIS.

Its Python is that of QGIS_PYTHON, else the system's.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import geopandas as gpd
import numpy as np
import pytest
from PIL import Image

from cwmap.colours import (
    CATEGORICAL,
    RAMPS,
    SCORE_COLOURS,
    SCORE_STEPS,
    STANDING_COLOURS,
    VERDICT_COLOURS,
    breaks,
    classes,
    even_breaks,
)
from cwmap.duties import duties
from cwmap.export import export
from cwmap.figures import heat
from cwmap.filters import Filter
from cwmap.gaps.siting import SOURCES
from cwmap.store import Workspace
from cwmap.tables import UNIT_KIND
from cwmap.town import Town
from cwmap.writers.layers import LAYERS, layer_columns, layer_frame
from cwmap.writers.symbology import RATES, symbology
from tests.journeys.dashboard import serving

Found = list[dict[str, Any]]
Asked = Callable[[Sequence[dict[str, str]]], Found]

SCRIPT = Path(__file__).with_name("inside_qgis.py")
PYTHON = os.environ.get("QGIS_PYTHON", "/usr/bin/python3")
WAIT_S = 120
NEAR = 3  # of 255: how far a colour of a picture may be from what was asked for
RENDERERS = {"ranges": "graduatedSymbol", "values": "categorizedSymbol", "one": "singleSymbol"}
BY_RULES = "RuleRenderer"
STACKED = "gaps"  # an area is there once for each kind of facility: one kind is seen at first


@pytest.fixture(scope="module")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Has QGIS open sources; what it found, see inside_qgis.py."""
    out = tmp_path_factory.mktemp("qgis")
    quiet = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(out)}
    for key in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        quiet.pop(key, None)

    def run(*words: str, told: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PYTHON, *words], input=told, env=quiet, timeout=WAIT_S, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    try:
        there = run("-c", "import qgis.core").returncode == 0
    except OSError:
        there = False
    if not there:
        pytest.skip(f"no QGIS: {PYTHON} cannot import qgis.core; name its Python in QGIS_PYTHON")

    def asked(sources: Sequence[dict[str, str]]) -> Found:
        for at, source in enumerate(sources):
            source["picture"] = str(out / f"{at}-{{}}.png")
        done = run(str(SCRIPT), str(out / "found.json"), told=json.dumps(sources))
        assert done.returncode == 0, done.stderr
        found = json.loads((out / "found.json").read_text(encoding="utf-8"))
        assert [layer for layer in found["layers"] if not layer["valid"]] == []
        assert found["log"] == []
        layers: Found = found["layers"]
        return layers

    return asked


def page_colours(town: Town, layer: str, frame: gpd.GeoDataFrame) -> list[str]:
    """The colour of each feature as the pages have it."""

    def named(column: str, words: Sequence[str], colours: Sequence[str]) -> list[str]:
        table = dict(zip(words, colours, strict=False))
        return [table[word] for word in frame[column]]

    if layer in RATES:
        rates = frame[RATES[layer]].to_numpy(float)
        codes = classes(rates, breaks(float(np.nanmax(rates))))
        return ["#ffffff" if code == "-" else RAMPS["light"][int(code)] for code in codes]
    if layer == "heat":
        return list(RAMPS["light"][-len(frame) :])
    if layer == "reports":
        groups = town.categories.groups
        return named("group", [g.key for g in groups], [g.colour for g in groups])
    if layer == "tasks":
        standing = STANDING_COLOURS["light"]
        lights = {"green": "good", "yellow": "fair", "red": "bad"}
        return [standing[lights[x]] if x in lights else "#8b8f93" for x in frame["light"]]
    if layer == "ranking":
        steps = np.searchsorted(SCORE_STEPS, frame["score"], side="right")
        return [list(SCORE_COLOURS["light"].values())[step] for step in steps]
    if layer == "gaps":
        return [VERDICT_COLOURS["light"][word] for word in frame["verdict"]]
    if layer == "duties":
        return named("standing", list(duties.WORDS), list(STANDING_COLOURS["light"].values()))
    if layer == "units":
        return named("kind", list(UNIT_KIND.labels), CATEGORICAL["light"])
    if layer == "sites":
        return named("source", list(SOURCES), CATEGORICAL["light"])
    look = symbology(layer, frame, town.categories.groups)  # the map's own, of no palette
    return [look.classes[at].colour for at in look.index]


def shown(picture: str, colour: str, opacity: float) -> bool:
    """Whether a picture has a colour, plain or over white."""
    pixels = np.asarray(Image.open(picture).convert("RGB"), int).reshape(-1, 3)
    plain = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    wanted = (plain, 255 + (plain - 255) * opacity)
    return any((np.abs(pixels - rgb).max(axis=1) <= NEAR).sum() >= 4 for rgb in wanted)


def test_qgis_opens_every_layer_as_the_page_shows_it(
    town: Town, workspace: Workspace, qgis: Asked, tmp_path: Path
) -> None:
    written = []
    for layer in LAYERS:
        frame = layer_frame(town, workspace, layer, Filter())
        if len(frame):
            export(town, workspace, layer, tmp_path / f"{layer}.gpkg", Filter())
            written.append((layer, frame))
    assert len(written) > 9
    found = qgis(
        [{"uri": str(tmp_path / f"{layer}.gpkg"), "provider": "ogr"} for layer, _ in written]
    )
    for layer, frame in written:
        mine = [f for f in found if f["uri"] == str(tmp_path / f"{layer}.gpkg")]
        maps = [f for f in mine if f["shape"] != "none"]
        assert "说明" in {f["name"] for f in mine if f["shape"] == "none"}
        placed = frame.geometry.notna()
        kinds = set(frame.geometry[placed].geom_type.str.removeprefix("Multi"))
        assert len(maps) == len(kinds), layer
        assert sum(f["features"] for f in maps) == sum(f["count"] for f in maps) == placed.sum()
        look = symbology(layer, frame, town.categories.groups)
        columns = layer_columns(town, layer)
        colours: dict[int, str | None] = {}
        for one in maps:
            assert one["crs"] == "EPSG:4326"
            plain = len(kinds) == 1 and layer != STACKED
            assert one["renderer"] == (RENDERERS[look.kind] if plain else BY_RULES)
            assert one["aliases"] == {"fid": ""} | {c.name: c.header for c in columns}
            words = {
                name: {v: k for e in m for k, v in e.items()} for name, m in one["words"].items()
            }
            assert words == {c.name: dict(c.labels) for c in columns if c.labels}
            colours |= {int(fid): colour for fid, colour in one["colours"].items()}
            drawn = [int(fid) for fid, colour in one["colours"].items() if colour]
            for at in {look.index[fid - 1] for fid in drawn}:
                entry = look.classes[at]
                assert shown(one["picture"], entry.colour, entry.opacity), (layer, entry)
        seen = frame["facility_kind"] == "market" if layer == STACKED else placed
        wanted = [
            c.lower() if s else None
            for c, s in zip(page_colours(town, layer, frame), seen, strict=True)
        ]
        assert colours == {int(k) + 1: wanted[k] for k in np.flatnonzero(placed)}, layer


def test_qgis_opens_the_heat_in_the_pages_colours(
    town: Town, workspace: Workspace, qgis: Asked, tmp_path: Path
) -> None:
    export(town, workspace, "heat", tmp_path / "热力.tif", Filter())
    plain, classed = qgis(
        [
            {"uri": str(tmp_path / f"{name}.tif"), "provider": "gdal"}
            for name in ("热力", "热力_分级")
        ]
    )
    assert plain["crs"] == classed["crs"] == town.settings.crs
    assert (plain["renderer"], classed["renderer"]) == ("singlebandpseudocolor", "paletted")
    steps = even_breaks(float(heat(town, Filter()).max()))
    values, colours, opacities, _ = zip(*plain["ramp"], strict=True)
    assert list(values[:-1]) == [0, *steps]
    assert colours == (RAMPS["light"][0], *RAMPS["light"])
    assert opacities == (0, *[255] * len(RAMPS["light"]))
    assert shown(plain["picture"], RAMPS["light"][0], 1)
    codes, exact, _, labels = zip(*classed["ramp"], strict=True)
    assert codes == tuple(range(1, len(RAMPS["light"]) + 1))
    assert exact == RAMPS["light"]
    assert labels[0] == f"0–{steps[0]:g} 件/公顷"
    for colour in RAMPS["light"]:
        assert shown(classed["picture"], colour, 1), colour


def test_qgis_loads_the_live_layers(
    town: Town, workspace: Workspace, qgis: Asked, tmp_path: Path
) -> None:
    """All of them by the file that is dropped onto its map, in the pages' colours."""
    file = tmp_path / "cwmap.qlr"
    with serving(Path(workspace.folder), tmp_path) as dashboard:
        with urlopen(f"{dashboard.url}/cwmap/ogc/qgis.qlr") as answer:
            file.write_bytes(answer.read())
        found = {one["name"]: one for one in qgis([{"uri": str(file), "provider": "qlr"}])}
    assert set(found) == set(LAYERS.values())
    for layer, title in LAYERS.items():
        one, frame = found[title], layer_frame(town, workspace, layer, Filter())
        assert (layer, one["features"]) == (layer, len(frame))
        names = {c.name: c.header for c in layer_columns(town, layer)}
        assert {k: v for k, v in one["aliases"].items() if v} == names
        if layer in ("lanes", "cells", "facilities", "duties"):
            placed = frame[frame.geometry.notna()]
            wanted = Counter(colour.lower() for colour in page_colours(town, layer, placed))
            assert Counter(filter(None, one["colours"].values())) == wanted, layer
