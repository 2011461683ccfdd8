"""What every file says of itself."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import pyarrow.parquet as pq
import pyogrio

from cwmap import __version__
from cwmap.filters import Filter
from cwmap.town import Town

Made = Callable[..., Path]


def facts(path: Path, layer: str) -> dict[str, Any]:
    """The metadata that a file carries."""
    if path.suffix == ".parquet":
        return dict(json.loads(pq.read_schema(path).metadata[b"cwmap"]))
    if path.suffix == ".geojson":
        return dict(json.loads(path.read_text("utf-8"))["metadata"])
    if path.suffix == ".fgb":
        return dict(json.loads(pyogrio.read_info(path)["layer_metadata"]["DESCRIPTION"]))
    assert path.suffix == ".gpkg"
    return dict(pyogrio.read_info(path, layer=layer)["layer_metadata"])


def _value(value: Any) -> Any:
    """GeoPackage keeps all facts as text."""
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def test_metadata_travel_with_the_filter(town: Town, made: Made) -> None:
    query = {"from": "2026-02-01", "to": "2026-03-01", "status": "open,assigned", "area": "P01"}
    question = Filter.from_query(query)
    for ending in (".gpkg", ".geojson", ".fgb", ".parquet"):
        path = made("heat", f"a{ending}", question, bandwidth_m=120)
        told = {name: _value(value) for name, value in facts(path, "heat").items()}
        assert told["filter"] == query
        assert told["period"] == ["2026-02-01", "2026-03-01"]
        assert (told["as_of"], told["crs"]) == (str(town.as_of), "EPSG:4326")
        assert (told["kernel"], told["bandwidth_m"]) == ("quartic", 120)
        features = gpd.read_parquet(path) if ending == ".parquet" else pyogrio.read_dataframe(
            path, layer="heat" if ending == ".gpkg" else None
        )  # fmt: skip
        assert told["features"] == len(features) > 0
        assert told["synthetic"] is True
        assert told["software"] == f"cwmap {__version__}"
        assert told["title"] == "热力（示例数据）"


def test_people_can_read_it(made: Made) -> None:
    question = Filter.from_query({"from": "2026-02-01", "to": "2026-03-01", "status": "open"})
    description = ET.parse(made("lanes", "a.kml", question)).findtext(".//{*}description")
    with zipfile.ZipFile(made("lanes", "a.zip", question)) as archive:
        beside = archive.read("说明.csv").decode("utf-8-sig")
    told = pyogrio.read_info(made("lanes", "a.gpkg", question), layer="lanes")["layer_metadata"]
    for text in (description, beside, told["DESCRIPTION"]):
        for word in ("2026-02-01 至 2026-03-01", "待处理", "虚构", "审图号", "EPSG:4326"):
            assert word in text
    table = pyogrio.read_dataframe(made("lanes", "b.gpkg", question), layer="说明")
    assert dict(zip(table["项目"], table["内容"], strict=True))["图层"] == "巷道（示例数据）"


def test_what_is_not_filtered_does_not_claim_it(made: Made) -> None:
    assert "filter" not in facts(made("facilities", "a.fgb", Filter(status=("open",))), "")


def test_an_offset_is_named_in_the_title(made: Made) -> None:
    assert facts(made("areas", "a.geojson", crs="gcj02"), "")["title"] == "片区（GCJ-02，示例数据）"
