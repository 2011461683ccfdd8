"""No map asks the network for anything, and a saved map asks nobody for anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import branca.colormap
import folium
import folium.plugins
import pytest
from playwright.sync_api import Playwright

from cwmap.ui.assets import (
    ASSETS,
    BASE,
    LEFT_OUT,
    RESOURCES,
    UnvendoredAsset,
    asset_url,
    localize,
    standalone_html,
)

ROOT = Path(__file__).resolve().parents[3]
RING = [[104.92, 33.39], [104.93, 33.39], [104.93, 33.4], [104.92, 33.39]]
LANES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"name": "</script>一马路"},
            "geometry": {"type": "Polygon", "coordinates": [RING]},
        }
    ],
}


def bare() -> folium.Map:
    return folium.Map(location=[33.395, 104.925], zoom_start=15, tiles=None, maxZoom=20)


def full() -> folium.Map:
    m = bare()
    folium.GeoJson(LANES, tooltip=folium.GeoJsonTooltip(["name"])).add_to(m)
    folium.Marker([33.395, 104.925]).add_to(m)
    folium.plugins.MarkerCluster([[33.395, 104.925], [33.3951, 104.925]]).add_to(m)
    return m


def links(m: folium.Map) -> list[str]:
    """All addresses that streamlit-folium would load for this map."""
    elements = [m, *m._children.values()]
    return [
        address
        for element in elements
        for kind in ("default_js", "default_css")
        for _, address in getattr(element, kind, [])
    ]


def test_localize_leaves_only_files_that_are_here() -> None:
    m = full()
    assert any("://" in address for address in links(m))
    localize(m)
    addresses = links(m)
    assert {address.partition("?")[0] for address in addresses} == {
        BASE + name for name in RESOURCES.values()
    }
    for address in addresses:
        assert (ASSETS / address.removeprefix(BASE).partition("?")[0]).is_file()


def test_localize_touches_this_map_alone_and_may_be_repeated() -> None:
    before = list(folium.Map.default_js), list(folium.plugins.MarkerCluster.default_js)
    m = full()
    localize(m)
    first = links(m)
    localize(m)
    assert links(m) == first
    assert before == (folium.Map.default_js, folium.plugins.MarkerCluster.default_js)
    assert any("://" in address for address in links(full()))


def test_localize_loads_what_later_layers_need() -> None:
    m = bare()
    localize(m, always=["markerclusterjs", "markerclustercss", "../../cwmap/town/lanes.1f.js"])
    assert asset_url(RESOURCES["markerclusterjs"]) in links(m)
    assert [name for name, _ in m.default_css] == ["leaflet_css", "markerclustercss"]
    assert m.default_js[-1][1] == "../../cwmap/town/lanes.1f.js"
    with pytest.raises(UnvendoredAsset, match="remote"):
        localize(bare(), always=["https://example.org/a.js"])


def test_every_name_that_folium_puts_on_a_map_is_decided() -> None:
    names = {name for name, _ in folium.Map.default_js + folium.Map.default_css}
    assert names == LEFT_OUT | {"leaflet", "leaflet_css"}


def with_child(child: folium.MacroElement) -> folium.Map:
    return bare().add_child(child)


def kept_in_front() -> folium.Map:
    m = bare()
    layer = folium.GeoJson(LANES).add_to(m)
    m.keep_in_front(layer)
    return m


def with_link_in_header() -> folium.Map:
    m = bare()
    m.get_root().header.add_child(branca.element.CssLink("https://example.org/a.css"))
    return m


def linked_data() -> folium.Map:
    layer = folium.GeoJson(LANES)
    layer.embed, layer.embed_link = False, "lanes.json"  # as Folium does for a file's address
    return with_child(layer)


def with_icon(icon: folium.Icon) -> folium.Map:
    return with_child(folium.Marker([33.4, 104.9], icon=icon))


REFUSED = {
    "default tiles": lambda: folium.Map([33.4, 104.9]),
    "custom tiles": lambda: with_child(folium.TileLayer("HTTP://t.example/{z}/{x}/{y}", attr="x")),
    "tiles without scheme": lambda: with_child(folium.TileLayer("//t.example/{z}", attr="x")),
    "wms": lambda: with_child(folium.WmsTileLayer("https://t.example/wms", layers="a")),
    "colour map": lambda: with_child(branca.colormap.LinearColormap(["white", "black"])),
    "unknown plugin": lambda: with_child(folium.plugins.HeatMap([[33.4, 104.9]])),
    "plugin with d3": lambda: with_child(folium.plugins.Draw()),
    "picture": lambda: with_child(
        folium.raster_layers.ImageOverlay("https://x.example/a.png", [[33, 104], [34, 105]])
    ),
    "custom icon": lambda: with_icon(folium.CustomIcon("https://x.example/a.png")),
    "awesome icon": lambda: with_icon(folium.Icon(color="red")),
    "popup": lambda: with_child(folium.Marker([33.4, 104.9], popup="一马路")),
    "icon inside a layer": lambda: with_child(
        folium.GeoJson(LANES, marker=folium.Marker(icon=folium.Icon()))
    ),
    "linked data": linked_data,
    "fast cluster": lambda: with_child(folium.plugins.FastMarkerCluster([[33.4, 104.9]])),
    "kept in front": kept_in_front,
    "link in the header": with_link_in_header,
}


@pytest.mark.parametrize("name", REFUSED)
def test_localize_refuses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Folium itself reads linked data when the layer is made.
    monkeypatch.setattr(folium.features.GeoJson, "process_data", lambda self, data: LANES)
    m = REFUSED[name]()
    with pytest.raises(UnvendoredAsset):
        localize(m)


def test_localize_allows_the_tiles_that_the_office_chose() -> None:
    m = folium.Map(
        [33.4, 104.9], tiles="https://t{s}.example/{z}/{x}/{y}?tk=k", attr="GS(2026)1", maxZoom=18
    )
    localize(m, tiles=["https://t{s}.example/"])
    with pytest.raises(UnvendoredAsset):
        localize(m, tiles=["https://other.example/"])
    with pytest.raises(UnvendoredAsset):
        standalone_html(m)
    ours = with_child(folium.TileLayer("../../cwmap/tiles/{z}/{x}/{y}.png", attr="x"))
    localize(ours)
    with pytest.raises(UnvendoredAsset, match="tile layer"):
        standalone_html(ours)


@pytest.mark.parametrize(
    "text",
    [
        '<img src="https://x.example/a.png">',
        "<img src='a.png'>",
        '<iframe src="page.html"></iframe>',
        '<link rel="stylesheet" href="a.css">',
        '<style>@import "a.css";</style>',
        '<div style="background: url(https://x.example/a.png)"></div>',
        '<svg><image href="a.png"/></svg>',
        "<script>var t = '<img src=\"//x.example/a.png\">';</script>",
        "<script>var t = '\\u003cimg src=https://x.example/a.png>';</script>",
        "<script>style = 'background:url(\"https://x.example/a.png\")';</script>",
    ],
)
def test_standalone_html_refuses_leftovers(text: str) -> None:
    m = bare()
    m.get_root().html.add_child(folium.Element(text))
    with pytest.raises(UnvendoredAsset, match="would fetch"):
        standalone_html(m)


def test_standalone_html_lets_links_and_plain_texts_be() -> None:
    m = bare()
    told = '<a href="https://x.example/">x</a><p>src=https://x.example/ &lt;img src="https://x"</p>'
    m.get_root().html.add_child(folium.Element(told))
    assert told in standalone_html(m)


def test_standalone_html_refuses_scripts_that_only_the_server_has() -> None:
    m = bare()
    localize(m, always=["../../cwmap/town/lanes.1f.js"])
    with pytest.raises(UnvendoredAsset, match="only assets"):
        standalone_html(m)


@pytest.mark.parametrize("rendered_before", [False, True])
def test_a_saved_map_draws_and_asks_only_for_itself(
    tmp_path: Path, player: Playwright, browser_path: Path, rendered_before: bool
) -> None:
    m = full()
    if rendered_before:
        m.get_root().render()  # leaves the network's addresses in the header
    file = tmp_path / "saved.html"
    file.write_text(standalone_html(m), encoding="utf-8")
    asked, errors = [], []
    with player.chromium.launch(executable_path=browser_path) as chromium:
        page = chromium.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector(".leaflet-marker-icon")
        page.wait_for_function(
            "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
        )
        assert page.locator("path.leaflet-interactive").count() == 1
        assert page.locator(".marker-cluster").count() == 1
        assert page.locator("img.leaflet-marker-icon").count() == 1
    assert errors == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]


def test_asset_url_changes_with_the_content_and_stays_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "static"
    assets.mkdir()
    monkeypatch.setattr("cwmap.ui.assets.ASSETS", assets)
    (assets / "map.js").write_text("1")
    first = asset_url("map.js")
    (assets / "map.js").write_text("22")
    assert first.startswith(BASE + "map.js?v=")
    assert asset_url("map.js", base="/x/").startswith("/x/map.js?v=")
    assert asset_url("map.js") != first
    (tmp_path / "secret.js").write_text("")
    for name in ("../secret.js", "vendor/../../secret.js", str(tmp_path / "secret.js"), "none.js"):
        with pytest.raises(UnvendoredAsset):
            asset_url(name)


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    script = folder / "scripts" / "vendor_assets.py"
    return subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )


def test_vendored_files_are_as_in_the_manifest(tmp_path: Path) -> None:
    assert checked(ROOT).returncode == 0, checked(ROOT).stdout
    copy = tmp_path / "cwmap" / "ui" / "static" / "vendor"
    shutil.copytree(ASSETS / "vendor", copy)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (copy / "leaflet" / "leaflet.css").write_text("changed")
    (copy / "leaflet" / "leaflet.js").unlink()
    (copy / "extra.js").touch()
    (copy / "LICENSES.md").write_text("")
    answer = checked(tmp_path)
    assert answer.returncode == 1
    for problem in (
        "changed: leaflet/leaflet.css",
        "missing: leaflet/leaflet.js",
        "not in the manifest: extra.js",
        "no licence text: leaflet 1.9.4",
    ):
        assert problem in answer.stdout
