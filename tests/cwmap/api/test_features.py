"""OGC API – Features: what the standard asks for, against the export of the same filter."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
import shapely
from lxml import etree
from starlette.testclient import TestClient

from cwmap import importing
from cwmap.api.offered import collection
from cwmap.assessment import rewards
from cwmap.filters import Filter
from cwmap.store import Merged, Workspace
from cwmap.town import Town
from cwmap.writers.layers import LAYERS, layer_columns, layer_frame
from tests.cwmap.api.conftest import HOSTILE, PHONES, hostile

ROOT = "/cwmap/ogc"
LIMIT = 10_000


def items(client: TestClient, layer: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{ROOT}/collections/{layer}/items?limit={LIMIT}&{query}".rstrip("&"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    found: dict[str, Any] = answer.json()
    assert found["type"] == "FeatureCollection"
    assert found["numberReturned"] == len(found["features"])
    assert pd.Timestamp(found["timeStamp"]).tzinfo is not None
    return found


def link(found: dict[str, Any], rel: str) -> str | None:
    links = [each["href"] for each in found["links"] if each["rel"] == rel]
    assert len(links) <= 1
    return links[0] if links else None


def ids(found: dict[str, Any]) -> list[str]:
    return [feature["id"] for feature in found["features"]]


def test_every_link_leads_where_it_says(client: TestClient) -> None:
    seen, waiting = set[str](), [f"http://testserver{ROOT}"]
    while waiting:
        url = waiting.pop()
        answer = client.get(url)
        assert answer.status_code == 200, url
        kind = answer.headers["content-type"]
        seen.add(url)
        if not kind.startswith("application/") or "items" in url:
            continue
        found = answer.json()
        for each in [found, *found.get("collections", [])]:
            for to in each.get("links", []):
                if to["href"] not in seen:
                    assert client.get(to["href"]).headers["content-type"] == to["type"]
                    waiting.append(to["href"])
    assert {f"http://testserver{ROOT}/collections/{name}/items" for name in LAYERS} < seen
    assert f"http://testserver{ROOT}/api" in seen
    conformance = client.get(f"{ROOT}/conformance").json()["conformsTo"]
    parts = (
        "core", "geojson", "oas30", "queryables", "filter", "features-filter", "cql2-text", "cql2-json",
        "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions", "basic-spatial-functions-plus",
    )  # fmt: skip
    assert [url.rsplit("/", 1)[1] for url in conformance] == list(parts)


def test_the_description_names_what_is_offered(client: TestClient, town: Town) -> None:
    answer = client.get(f"{ROOT}/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    described = answer.json()
    assert described["openapi"].startswith("3.0")
    operations = [way["get"]["operationId"] for way in described["paths"].values()]
    assert len(operations) == len(set(operations))
    for layer in LAYERS:
        asked = described["paths"][f"/collections/{layer}/items"]["get"]["parameters"]
        names = [each["name"] for each in asked]
        assert len(names) == len(set(names))
        for name in set(names) - {"limit", "f"}:
            answer = client.get(f"{ROOT}/collections/{layer}/items?limit=1&{name}=")
            assert answer.status_code == 200 or answer.json()["code"] != "UnknownParameter"
        schema = client.get(f"{ROOT}/collections/{layer}/schema").json()["properties"]
        assert set(schema) - {"geometry"} == {c.name for c in layer_columns(town, layer)}


@pytest.mark.parametrize("layer", LAYERS)
def test_features_are_those_of_the_export(
    layer: str, client: TestClient, town: Town, workspace: Workspace
) -> None:
    expected, found = layer_frame(town, workspace, layer, Filter()), items(client, layer)
    assert found["numberMatched"] == len(expected) == len(set(ids(found))) > 0
    for feature, shape in zip(found["features"], expected.geometry, strict=True):
        assert (feature["geometry"] is None) == (shape is None)
        if shape is not None:
            drawn = shapely.geometry.shape(feature["geometry"])
            assert drawn.equals(shape)
            for part in shapely.get_parts(drawn):
                assert part.geom_type != "Polygon" or shapely.is_ccw(part.exterior)
    for column in layer_columns(town, layer):
        have = [feature["properties"][column.name] for feature in found["features"]]
        want = expected[column.name]
        assert [value is None for value in have] == want.isna().tolist()
        known = want.dropna().tolist()
        told = [value for value in have if value is not None]
        if column.kind == "time":
            assert [pd.Timestamp(text) for text in told] == known
        else:
            assert told == known


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-08-01", "to": "2026-09-01", "category": "road"}, {"status": "open,assigned"},
        {"lane": "X001"}, {"community": "不存在"}, {"from": "2026-09-01", "source": "巡查"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("layer", ["reports", "lanes", "cells", "tasks"])
def test_the_words_of_a_filter_mean_the_same(
    layer: str, query: dict[str, str], client: TestClient, town: Town, workspace: Workspace
) -> None:
    words = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    if "不存在" in query.values():
        answer = client.get(f"{ROOT}/collections/{layer}/items?{words}")
        assert answer.status_code == 400
        assert "没有“不存在”" in answer.json()["description"]
        return
    expected = layer_frame(town, workspace, layer, Filter.from_query(query))
    found = items(client, layer, words)
    assert ids(found) == expected.iloc[:, 0].tolist()
    count = "overdue" if layer != "tasks" else "overdue_h"
    told = [feature["properties"][count] for feature in found["features"]]
    assert pd.Series(told, dtype=object).equals(
        expected[count].astype(object).where(expected[count].notna(), None)
    )


@pytest.mark.parametrize(
    ("layer", "limit"), [("reports", 333), ("tasks", 777), ("lanes", 7), ("duties", 100)]
)
def test_paging_gives_every_feature_once(layer: str, limit: int, client: TestClient) -> None:
    whole = items(client, layer, "from=2026-06-01" if layer != "duties" else "")
    word = "from=2026-06-01&" if layer != "duties" else ""
    url: str | None = f"{ROOT}/collections/{layer}/items?{word}limit={limit}"
    got, pages, back = [], 0, None
    while url:
        page = client.get(url).json()
        assert page["numberMatched"] == whole["numberMatched"]
        assert (link(page, "prev") is None) == (pages == 0)
        got, pages, url, back = got + ids(page), pages + 1, link(page, "next"), link(page, "prev")
    assert got == ids(whole)
    assert max(Counter(got).values()) == 1
    assert pages == -(-len(got) // limit)
    assert back is not None
    assert ids(client.get(back).json())[-1] == got[(pages - 1) * limit - 1]


def test_a_page_after_the_last_is_empty(client: TestClient) -> None:
    page = client.get(f"{ROOT}/collections/lanes/items?offset=999999999").json()
    assert page["features"] == []
    assert page["numberMatched"] > 0
    assert link(page, "next") is None
    before = link(page, "prev")
    assert before is not None
    assert client.get(before).json()["features"]


def test_limits(client: TestClient) -> None:
    url = f"{ROOT}/collections/reports/items"
    assert client.get(url).json()["numberReturned"] == 1_000
    # More than the most is no error: the most is given (Part 1, requirement 22).
    assert client.get(f"{url}?limit=99999999").json()["numberReturned"] == min(
        LIMIT, client.get(url).json()["numberMatched"]
    )


@pytest.mark.parametrize("layer", ["reports", "tasks", "lanes", "facilities"])
def test_a_box_holds_what_touches_it(
    layer: str, client: TestClient, town: Town, workspace: Workspace
) -> None:
    expected = layer_frame(town, workspace, layer, Filter())
    west, south, east, north = expected.total_bounds
    key = expected.columns[0]
    middle = ((west + east) / 2, (south + north) / 2)
    spot = shapely.get_coordinates(expected.geometry.dropna().iloc[0])[0]
    boxes = [
        (west, south, east, north), (west, south, *middle), (*middle, east, north),
        (*middle, *middle), (0, 0, 1, 1), (*spot, *spot), (*spot, spot[0], north),
    ]  # fmt: skip
    for box in boxes:
        found = items(client, layer, f"bbox={','.join(map(repr, map(float, box)))}")
        inside = expected[shapely.intersects(expected.geometry.to_numpy(), shapely.box(*box))]
        assert ids(found) == inside[key].tolist()
    w, s, e, n = map(float, boxes[1])
    flat = items(client, layer, f"bbox={w},{s},{e},{n}")
    assert ids(items(client, layer, f"bbox={w},{s},-5,{e},{n},99")) == ids(flat)
    # The rest of the world, across the antimeridian.
    around = items(client, layer, f"bbox={e},-90,{w},90")
    lon = expected.geometry.bounds
    outside = expected[(lon["maxx"] >= e) | (lon["minx"] <= w)]
    assert set(ids(around)) == set(outside[key])


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-09-30T15:59:59Z", "2026-09-30T15:59:59Z", "2026-09-30T15:59:59Z"),
        ("2026-09-30T23:59:59+08:00/..", "2026-09-30T15:59:59Z", None),
        ("../2026-09-30T15:59:59Z", None, "2026-09-30T15:59:59Z"),
        ("/2026-09-30T15:59:58.999z", None, "2026-09-30T15:59:58.999Z"),
        ("2026-08-01T00:00:00Z/2026-09-01t00:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"),
        ("2026-09-30", "2026-09-30T00:00:00+08:00", "2026-09-30T23:59:59.999999+08:00"),
        ("2026-09-01/2026-09-02", "2026-09-01T00:00:00+08:00", "2026-09-02T23:59:59.999999+08:00"),
    ],
)  # fmt: skip
def test_times(
    text: str, first: str | None, last: str | None, client: TestClient, town: Town, workspace: Workspace
) -> None:  # fmt: skip
    expected = layer_frame(town, workspace, "reports", Filter())
    keep = np.ones(len(expected), bool)
    if first:
        keep &= (expected["reported_at"] >= pd.Timestamp(first)).to_numpy()
    if last:
        keep &= (expected["reported_at"] <= pd.Timestamp(last)).to_numpy()
    assert 0 < keep.sum() < len(expected)
    for layer in ("reports", "tasks"):
        found = items(client, layer, f"datetime={quote(text)}")
        assert ids(found) == expected["report_id"][keep].tolist()
    # What has no time is not chosen among by it.
    assert items(client, "lanes", f"datetime={quote(text)}")["numberMatched"] == len(
        town.layers["lanes"]
    )


def test_columns_ask_for_their_value(client: TestClient, town: Town, workspace: Workspace) -> None:
    for layer in LAYERS:
        frame = layer_frame(town, workspace, layer, Filter())
        valued = collection(town, workspace, layer).valued
        for name in [column.name for column in valued]:
            value = frame[name].dropna().mode()
            if not len(value):
                continue
            url = f"{ROOT}/collections/{layer}/items?limit=1"
            text = getattr(value[0], "isoformat", value[0].__str__)()
            found = client.get(f"{url}&{name}={quote(text, safe='')}").json()
            assert found["numberMatched"] == (frame[name] == value[0]).sum() > 0, (layer, name)
            nothing = client.get(f"{url}&{name}=no+such")
            assert nothing.status_code in (200, 400)
            assert nothing.status_code == 400 or nothing.json()["features"] == []


def test_a_feature_by_its_id(client: TestClient) -> None:
    for layer in LAYERS:
        for feature in items(client, layer)["features"][:3]:
            answer = client.get(f"{ROOT}/collections/{layer}/items/{quote(feature['id'], safe='')}")
            assert answer.headers["content-type"] == "application/geo+json"
            one = answer.json()
            assert client.get(str(link(one, "self"))).json() == one
            assert one.pop("links")
            assert one == feature
    for report_id in HOSTILE:
        answer = client.get(f"{ROOT}/collections/reports/items/{quote(report_id, safe='')}")
        assert answer.json()["id"] == report_id


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3", "bbox=a,b,c,d", "bbox=nan,1,2,3", "bbox=1,2,inf,4", "bbox=", "bbox=1,5,2,4",
        "bbox=-181,0,1,1", "bbox=0,-91,1,1", "bbox=1,2,3,4,5", "bbox=1e400,0,1,1", "limit=0", "limit=-1",
        "limit=1.5", "limit=", "limit=１", "limit=abc", "offset=-1", "offset=99999999999999999999",
        "datetime=yesterday", "datetime=2026-13-01", "datetime=2026-01-01T00:00:00", "datetime=../..",
        "datetime=", "datetime=/", "datetime=2026-01-01T25:00:00Z", "datetime=0000-01-01T00:00:00Z",
        "datetime=0001-01-01T00:00:00%2B08:00", "datetime=9999-12-31",
        "datetime=2026-02-01T00:00:00Z/2026-01-01T00:00:00Z", "datetime=a/b/c",
        "datetime=2026-01-01T00:00:00Z/2026-01-02T00:00:00Z/..", "nothing=1", "BBOX=1,2,3,4", "from=2026",
        "from=2026-02-01&to=2026-01-01", "from=0001-01-01&to=", "status=done", "category=no-such", "lane=%00",
        "limit=1&limit=2", "f=xml", "crs=EPSG:4326", "bbox-crs=EPSG:4490", "'%3B%20drop=1", "lon=1",
        "description=x", "phone=13912345678", "reporter=a",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"{ROOT}/collections/reports/items?{query}")
    if query.startswith("from=0001-01-01"):  # a day long ago is only long ago
        assert answer.status_code == 200
        return
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert set(said) == {"code", "description"}
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["description"])


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/collections/town", "/collections/town/items", "/collections/..%2F..%2Ftown.gpkg",
        "/collections/reports/items/none", "/collections/lanes/items/%00", "/collections/reports/items/",
        "/collections/lanes/styles", "/collections/问题/items",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_told(client: TestClient, path: str) -> None:
    answer = client.get(f"{ROOT}{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "NotFound"


def test_unknown_parameters_are_refused_everywhere(client: TestClient) -> None:
    for path in ("", "/conformance", "/api", "/collections", "/collections/lanes"):
        assert client.get(f"{ROOT}{path}?x=1").status_code == 400
        assert client.get(f"{ROOT}{path}?f=xml").status_code == 400
        assert client.get(f"{ROOT}{path}?f=json").status_code == 200
    assert client.get(f"{ROOT}/collections?f=html").status_code == 400


def test_qgis_gets_all_layers_in_one_file(client: TestClient, town: Town) -> None:
    """Every class that may come has its colour, whatever is there today."""
    answer = client.get(f"{ROOT}/qgis.qlr")
    assert "attachment" in answer.headers["content-disposition"]
    root = etree.fromstring(answer.content)
    found = {layer.findtext("layername"): layer for layer in root.iter("maplayer")}
    assert list(found) == list(LAYERS.values())
    sources = [layer.get("source") for layer in root.iter("layer-tree-layer")]
    assert sources == [layer.findtext("datasource") for layer in found.values()]
    for name, source in zip(LAYERS, sources, strict=True):
        address = re.fullmatch(r"url='(.+)' typename='(.+)'", str(source))
        assert address
        assert client.get(f"{address[1]}/collections/{address[2]}").json()["id"] == name
        aliases = {a.get("field"): a.get("name") for a in found[LAYERS[name]].iter("alias")}
        assert aliases == {c.name: c.header for c in layer_columns(town, name)}
    labels = {str(rule.get("label")) for rule in found["问题"].iter("rule", "category")}
    assert {group.name for group in town.categories.groups} <= labels
    uppers = [float(r.get("upper")) for r in found["巷道"].iter("range")]
    assert max(uppers) >= 1e9


def test_people_get_a_page(client: TestClient, town: Town) -> None:
    answer = client.get(ROOT, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "QGIS" in answer.text
    assert "示例数据" in answer.text
    evil = client.get(f"{ROOT}?f=html", headers={"Host": "a<script>b"})
    assert "<script" not in evil.text
    assert client.get(ROOT).headers["content-type"] == "application/json"


def test_no_personal_data_anywhere(client: TestClient) -> None:
    for layer in LAYERS:
        text = json.dumps(items(client, layer), ensure_ascii=False)
        for secret in PHONES:
            assert secret not in text, layer
    assert "139****5678" in json.dumps(items(client, "reports"), ensure_ascii=False)


def test_an_import_between_is_waited_for(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(workspace.folder, tmp_path / "workspace")
    monkeypatch.setenv("CWMAP_WORKSPACE", str(tmp_path / "workspace"))
    other = Workspace.open(tmp_path / "workspace")
    url = f"{ROOT}/collections/reports/items?limit=1"
    before = client.get(url).json()["numberMatched"]
    rows = hostile((104.9, 33.39)).head(1).assign(report_id="NEW")
    with other.changing() as change:
        importing.merge(change, "reports", rows)
        change.finish("import", "reports", "test", Merged(1, 0, 0), 0)
    assert client.get(url).json()["numberMatched"] == before + 1


def test_without_a_workspace_there_is_a_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CWMAP_WORKSPACE", str(tmp_path))
    for path in (ROOT, f"{ROOT}/collections", "/cwmap/open311/v2/requests.json"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "没有工作区" in answer.text


def test_new_rules_hold_at_once(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A workspace's own rules change without a revision."""
    shutil.copytree(workspace.folder, tmp_path / "workspace")
    monkeypatch.setenv("CWMAP_WORKSPACE", str(tmp_path / "workspace"))
    url = f"{ROOT}/collections/ranking/items"
    before = client.get(url).json()["features"]
    assert any(feature["properties"]["reward"] for feature in before)
    text = re.sub(r"(?m)^points = (-?).*$", r"points = \g<1>77", rewards.text())
    rewards.save(tmp_path / "workspace", text)
    after = client.get(url).json()["features"]
    assert {abs(f["properties"]["reward"]) % 77 for f in after} == {0.0}
    assert after != before
