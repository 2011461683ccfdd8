"""All layers in one GeoPackage."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pyogrio
import pytest

from cwmap import export
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Settings, Workspace
from cwmap.town import Town, open_town
from cwmap.writers import geofiles
from cwmap.writers.layers import LAYERS, layer_frame, layer_scope

CRS = "EPSG:4544"
QUESTION = Filter(end=date(2026, 4, 20), status=("open",))


def test_every_layer_with_its_style(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    path, steps = tmp_path / "全部.gpkg", list[tuple[str, float]]()
    done = export.export(
        town, workspace, "全部", path, QUESTION, crs=CRS, step=lambda *s: steps.append(s)
    )
    counts = {layer: len(layer_frame(town, workspace, layer, QUESTION)) for layer in LAYERS}
    filled, empty = [k for k, n in counts.items() if n], [k for k, n in counts.items() if not n]
    assert {"reports", "lanes", "heat"} <= set(filled)
    assert done.as_dict() == {"layer": "all", "features": sum(counts.values()), "file": str(path)}
    spatial = {name for name, kind in pyogrio.list_layers(path) if kind}
    assert spatial == set(filled)
    for layer in filled:
        info = pyogrio.read_info(path, layer=layer)
        assert (info["features"], info["crs"]) == (counts[layer], CRS)
    styles = pyogrio.read_dataframe(path, layer="layer_styles")
    assert sorted(styles["f_table_name"]) == sorted(filled)
    assert styles["useAsDefault"].astype(bool).all()
    for qml in styles["styleQML"]:
        assert ET.fromstring(qml.split("\n", 1)[1]).find("renderer-v2") is not None
    about = pyogrio.read_dataframe(path, layer="说明").fillna("")
    for layer in filled:
        mine = about[about["图层名"] == layer]
        assert layer_scope(town, layer, QUESTION) in mine["内容"].tolist()
        assert mine.set_index("项目").at["要素数", "内容"] == f"{counts[layer]:,}"
    left_out = about.loc[about["项目"] == "没有内容、未写入的图层", "内容"]
    assert left_out.tolist() == (["、".join(LAYERS[k] for k in empty)] if empty else [])
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert {f"写入{label}" for label in LAYERS.values()} <= {text for text, _ in steps}


def test_what_is_empty_is_left_out_and_named(
    town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path, never = tmp_path / "a.gpkg", Filter(start=date(2020, 1, 1), end=date(2020, 1, 2))
    done = export.export(town, workspace, "all", path, never)
    names = {name for name, _ in pyogrio.list_layers(path)}
    assert names & set(LAYERS) >= {"lanes", "facilities"}
    assert not names & {"reports", "tasks", "heat", "duties", "ranking"}
    assert "没有内容、未写入的图层：问题、热力、责任、考核排名、任务" in done.notes[-1]
    assert pyogrio.read_dataframe(path, layer="说明")["内容"].iloc[-1] in done.notes[-1]


def test_a_broken_one_leaves_the_old_file(
    town: Town, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"an older file")
    write: Callable[..., None] = geofiles.write_layer

    def third(
        frame: pd.DataFrame, kinds: list[str], to: Path, driver: str, layer: str, **more: object
    ) -> None:
        if layer == "cells":
            raise OSError(28, "No space left on device")
        write(frame, kinds, to, driver, layer, **more)

    monkeypatch.setattr(geofiles, "write_layer", third)
    with pytest.raises(CwmapError, match="原有文件没有改动"):
        export.export(town, workspace, "all", path, QUESTION)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.gpkg", b"an older file")]


def test_nothing_at_all_is_no_file(tmp_path: Path) -> None:
    empty = Workspace.create(tmp_path / "w", Settings(name="空镇", crs=CRS))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(CwmapError, match="请先导入数据"):
        export.export(open_town(empty), empty, "all", out / "a.gpkg", Filter())
    assert list(out.iterdir()) == []
