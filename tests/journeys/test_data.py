"""The data page: files in, files out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
from playwright.sync_api import Locator

from cwmap import figures, importing, sample
from cwmap.duties import coverage
from cwmap.filters import Filter
from cwmap.writers.layers import LAYERS, layer_frame
from geo.coordinates import from_wgs84
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen


def facts(screen: Screen) -> dict[str, str]:
    """The boxes with numbers that are in view, by what they say."""
    boxes = screen.page.locator(".cw-facts:visible div")
    pairs = boxes.evaluate_all(
        "e => e.map(b => [b.querySelector('span').innerText, b.querySelector('b').innerText])"
    )
    return dict(pairs)


def drop(screen: Screen, path: Path) -> None:
    """Give a file to the page and wait until it is understood, or asked about, or refused."""
    screen.page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(path)
    screen.page.locator(".st-key-intake-go, [data-testid=stAlert]").first.wait_for()
    screen.settled()


def words_of(table: Locator) -> list[str]:
    """The cells of a table. It is painted; its words stand behind the picture for a screen reader."""
    table.scroll_into_view_if_needed()
    cells = table.locator("canvas [role=gridcell]")
    cells.nth(2).wait_for(state="attached")
    return cells.all_text_contents()


def other_ids(served: Served, path: Path) -> Path:
    """The demo's platform export, GB18030 with all its faults, as reports that are new here."""
    text = (served.folder / sample.FILES / "问题台账.csv").read_bytes().decode("gb18030")
    path.write_bytes(re.sub(r"(?m)^W", "N", text).encode("gb18030"))
    return path


def test_a_platform_export(own_served: Served, new_screen: OpenScreen, tmp_path: Path) -> None:
    """Understood, its faults listed, the rejected rows taken away, the rest imported."""
    workspace = own_served.workspace()
    file = other_ids(own_served, tmp_path / "平台导出.csv")
    understood = importing.understand(workspace, "reports", file, importing.Question())
    expected = importing.preview(workspace, understood)
    assert expected.added > 1_000
    assert expected.rejected > 5

    screen = new_screen(own_served)
    page = screen.page
    screen.open()
    with screen.painted():
        page.locator(".st-key-w-period").get_by_text("全部").click()
    before = int(screen.metrics()["本期新增"].replace(",", ""))
    page.get_by_role("link", name="数据").click()
    page.locator(".st-key-cw-page h1").wait_for()
    drop(screen, file)
    assert facts(screen) == {
        "读到": f"{expected.read:,} 行", "可收录": f"{len(understood.checked.rows):,} 行",
        "有问题未收录": f"{expected.rejected:,} 行",
    }  # fmt: skip
    assert screen.latin() == []
    intake = page.get_by_role("tabpanel", name="导入文件").locator("[data-testid=stDataFrame]")
    cells = words_of(intake.first)
    assert "发现时间" in cells
    assert cells[cells.index("发现时间") + 1] == "上报时间"
    assert page.get_by_text(f"发现的问题（{len(expected.problems):,} 条）").is_visible()
    first = expected.problems[0]
    assert {str(first.row), first.reason} <= set(words_of(intake.last))
    with page.expect_download() as download:
        page.get_by_role("button", name="下载未收录的行").click()
    download.value.save_as(tmp_path / "未收录.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "未收录.xlsx").worksheets[0]
    assert sheet.max_row == expected.rejected + 1

    page.locator(".st-key-intake-go button").click()
    done = page.get_by_text("已导入")
    done.wait_for(timeout=120_000)
    screen.settled()
    for word, number in (
        ("新增", expected.added),
        ("更新", expected.updated),
        ("未收录", expected.rejected),
    ):
        assert f"{word} {number:,}" in done.inner_text()
    assert workspace.counts()["reports"] == before + expected.added
    page.get_by_role("link", name="一张图").click()
    screen.map.wait_for_function("window.CW_PAINTED >= 1")
    screen.settled()
    assert screen.metrics()["本期新增"] == f"{before + expected.added:,}"


def test_what_is_no_table(own_served: Served, new_screen: OpenScreen, tmp_path: Path) -> None:
    """Broken and hostile files: a sentence in Chinese, and nothing has changed."""
    workspace = own_served.workspace()
    revision, counts = workspace.revision(), workspace.counts()
    broken = {
        "坏的.xlsx": b"PK\x03\x04" + bytes(range(256)) * 8,
        "空的.csv": b"",
        "别的.csv": "甲,乙\r\n一,二\r\n".encode("gb18030"),
        "名字<img src=x onerror=alert(1)>.geojson": b'{"type": "FeatureCollection", "feat',
    }
    screen = new_screen(own_served, 1280, 720).open_page("/data")
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        drop(screen, path)
        alert = screen.page.locator("[data-testid=stAlert]")
        said = alert.inner_text()
        assert re.search(r"[\u4e00-\u9fff].*。", said), said
        assert not re.search(r"Error|Traceback|None|[a-z]+_[a-z]+\(", said), said
        assert screen.page.locator(".st-key-intake-go").count() == 0
        screen.page.get_by_role("button", name=re.compile("Remove|移除")).first.click()
        alert.wait_for(state="detached")
    assert (workspace.revision(), workspace.counts()) == (revision, counts)


def test_coordinates_that_nothing_tells(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    """Two places in GCJ-02: too few for the lanes to tell, so the page asks, with pictures."""
    town = own_served.town()
    at = town.layers["lanes"].geometry.iloc[[3, 90]].representative_point()
    lon, lat = from_wgs84(at.x.to_numpy(), at.y.to_numpy(), "gcj02")
    file = tmp_path / "两件.csv"
    rows = {
        "问题编号": ["G1", "G2"], "问题类别": ["暴露垃圾"] * 2, "上报时间": [f"{town.as_of} 09:00"] * 2,
        "经度": lon.round(7), "纬度": lat.round(7),
    }  # fmt: skip
    pd.DataFrame(rows).to_csv(file, index=False, encoding="utf-8-sig")
    screen = new_screen(own_served).open_page("/data")
    drop(screen, file)
    page = screen.page
    choices = page.locator("[class*=st-key-intake-coords] button")
    assert choices.count() >= 3
    page.locator("[class*=st-key-intake-ask] .js-plotly-plot").nth(choices.count() - 1).wait_for()
    assert page.locator(".st-key-intake-go").count() == 0
    page.locator(".st-key-intake-coords-gcj02 button").click()
    page.locator(".st-key-intake-go button").click()
    page.get_by_text("已导入").wait_for()
    stored = own_served.workspace().read("reports", ["report_id", "geometry", "placed_by"])
    stored = stored.set_index("report_id").loc[["G1", "G2"]]
    assert stored["placed_by"].tolist() == ["within", "within"]
    found = gpd.GeoSeries(stored["geometry"].to_numpy(), crs=4326).to_crs(town.settings.crs)
    meant = at.reset_index(drop=True).to_crs(town.settings.crs)
    assert found.distance(meant).max() < 0.5


def made(screen: Screen, folder: Path) -> Path:
    """Make the chosen file and save it under the name that the page gives it."""
    page = screen.page
    page.locator(".st-key-out-make button").click()
    page.locator(".st-key-out-save button").wait_for()
    screen.settled()
    with page.expect_download() as download:
        page.locator(".st-key-out-save button").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_files_out(served: Served, new_screen: OpenScreen, tmp_path: Path) -> None:
    """The filter of the map holds for what is saved: layer, spreadsheet, and the map itself."""
    town = served.town()
    screen = new_screen(served)
    page = screen.page
    screen.open()
    with screen.painted():
        page.locator(".st-key-cat-garbage button").click()
    question = screen.question()
    page.get_by_role("link", name="数据").click()
    page.get_by_role("tab", name="导出图层").click()

    number = figures.summary(town, question).reports
    saved = made(screen, tmp_path)
    assert saved.suffix == ".gpkg"
    assert "示例" in saved.name
    assert len(gpd.read_file(saved, layer=0)) == number
    screen.choose("out-layer", "巷道")
    screen.choose("out-format", "Excel")
    page.locator(".st-key-out-save").wait_for(state="detached")
    sheet = pd.read_excel(made(screen, tmp_path))
    assert sheet["问题数"].sum() == figures.lanes(town, question)["reports"].sum()
    assert len(sheet) == len(town.layers["lanes"])

    with page.expect_download() as download:
        page.get_by_role("button", name="保存网页地图").click()
    html = tmp_path / "地图.html"
    download.value.save_as(html)
    offline = new_screen(served, 1280, 720).page
    asked: list[str] = []
    offline.on("request", lambda r: asked.append(r.url))
    offline.goto(html.as_uri())
    offline.wait_for_function("window.CW_PAINTED >= 1 && window.CW_HEAT")
    assert [url for url in asked if not url.startswith("data:")] == [html.as_uri()]
    assert "示例数据" in offline.locator("body").inner_text()
    assert f"{question.start} 至 {question.end}" in offline.locator("body").inner_text()
    same = offline.evaluate("CW.paintState.lanes.counts")
    assert same == figures.lanes(town, question)["reports"].tolist()


def test_a_file_for_other_programs(served: Served, new_screen: OpenScreen, tmp_path: Path) -> None:
    """A shapefile in GBK in a system that was typed in; seen before it is made, whole when saved."""
    town, workspace = served.town(), served.workspace()
    days = f"from={town.as_of.replace(day=1)}&to={town.as_of}"
    screen = new_screen(served).open_page(f"/data?{days}")
    page = screen.page
    page.get_by_role("tab", name="导出图层").click()
    question = Filter(start=town.as_of.replace(day=1), end=town.as_of)
    expected = layer_frame(town, workspace, "reports", question)
    page.locator(".cw-preview b").first.filter(has_text=f"{len(expected):,}").wait_for()
    rows = words_of(
        page.get_by_role("tabpanel", name="导出图层").locator("[data-testid=stDataFrame]")
    )
    assert rows[0] == expected["report_id"].iloc[0]
    assert expected["category_name"].iloc[0] in rows
    assert page.locator(".cw-where img").nth(1).evaluate("img => img.complete && img.naturalWidth")

    screen.choose("out-format", "Shapefile")
    screen.choose("out-encoding", "GBK")
    screen.choose("out-crs", "其他")
    number = page.locator(".st-key-out-epsg input")
    number.fill("99999")
    number.press("Enter")
    assert "不认识平面坐标系" in page.locator(".st-key-cw-out [data-testid=stAlert]").inner_text()
    assert page.locator(".st-key-out-make").count() == 0
    number.fill("4544")
    number.press("Enter")
    page.locator(".st-key-out-make").wait_for()
    assert screen.latin() == []
    saved = made(screen, tmp_path)
    assert saved.name == f"问题_{town.as_of:%Y%m%d}_GBK_示例.zip"
    with zipfile.ZipFile(saved) as archive:
        assert archive.read(f"{saved.stem}.cpg").decode().strip() in ("GBK", "CP936", "936")
    found = gpd.read_file(f"/vsizip/{saved}/{saved.stem}.shp")
    assert found.crs.to_epsg() == 4544
    assert found["report_id"].tolist() == expected["report_id"].tolist()
    assert found["category_n"].tolist() == expected["category_name"].tolist()

    # What is chosen follows what is possible; what belongs beside a file comes with it.
    screen.choose("out-layer", "责任")
    page.locator(".cw-scope").filter(has_text=f"{town.as_of} 在岗的责任人").wait_for()
    screen.choose("out-layer", "热力")
    screen.choose("out-format", "GeoTIFF")
    page.locator(".st-key-out-encoding, .st-key-out-epsg").first.wait_for(state="detached")
    assert page.locator(".st-key-out-crs-raster input").input_value() == "本镇投影坐标（米）"
    with zipfile.ZipFile(made(screen, tmp_path)) as archive:
        assert {Path(name).suffix for name in archive.namelist()} == {".tif", ".qml", ".xml"}
        assert sum("_分级" in name for name in archive.namelist()) == 3


def test_everything_in_one_file(served: Served, new_screen: OpenScreen, tmp_path: Path) -> None:
    """What the page lists is what the GeoPackage holds."""
    screen = new_screen(served, 1280, 720).open_page("/data")
    page = screen.page
    page.get_by_role("tab", name="导出图层").click()
    screen.choose("out-layer", "全部图层")
    listed = page.locator(".cw-layers tr:has(td)")
    listed.first.wait_for()
    told = dict(
        listed.evaluate_all("e => e.map(r => [r.cells[0].innerText, r.cells[1].innerText])")
    )
    saved = made(screen, tmp_path)
    assert saved.suffix == ".gpkg"
    layers = [name for name, kind in pyogrio.list_layers(saved) if kind]
    counts = {LAYERS[name]: f"{pyogrio.read_info(saved, name)['features']:,}" for name in layers}
    assert {label: n for label, n in told.items() if n != "0"} == counts


def test_a_table_is_replaced_after_a_second_yes(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    """Redrawn lanes: off by default, what goes is named and confirmed, and can be had again."""
    workspace = own_served.workspace()
    lanes = workspace.read("lanes")
    gone = lanes.iloc[-3:]
    file = tmp_path / "巷道.geojson"
    columns = {"lane_id": lanes["lane_id"], "name": lanes["name"]}
    kept = gpd.GeoDataFrame(columns, geometry=list(lanes["geometry"]), crs="EPSG:4326")[:-3]
    kept.to_file(file)

    screen = new_screen(own_served).open_page("/data")
    page = screen.page
    screen.choose("intake-table", "巷道")
    drop(screen, file)
    go = page.locator(".st-key-intake-go button")
    assert go.inner_text() == f"导入 {len(kept):,} 行"
    assert go.is_enabled()
    page.locator("[class*=st-key-intake-replace-lanes] label").click()
    page.locator("[class*=st-key-intake-remove-] label").wait_for()
    named = "、".join(f"{row.lane_id} {row.name}" for row in gone.itertuples(index=False))
    assert page.get_by_text(f"移除 3 条：{named}").is_visible()
    assert go.is_disabled()
    assert screen.latin() == []
    with page.expect_download() as download:
        page.locator(".st-key-intake-leaving button").click()
    download.value.save_as(tmp_path / "将移除.xlsx")
    sheet = pd.read_excel(tmp_path / "将移除.xlsx", dtype=str, engine="calamine")
    assert sheet["巷道编号"].to_list() == gone["lane_id"].to_list()

    page.locator("[class*=st-key-intake-remove-] label").click()
    go.filter(has_text="移除 3 条").wait_for()
    go.click()
    done = page.get_by_text("已导入")
    done.wait_for(timeout=120_000)
    screen.settled()
    assert "移除 3，" in done.inner_text()
    assert workspace.read("lanes", ["lane_id"])["lane_id"].to_list() == list(kept["lane_id"])
    assert workspace.removals("lanes") == 3
    page.locator(".st-key-intake-removed button").filter(has_text="移除过的 3 条").wait_for()
    screen.open("/duties")  # whose register still names them
    page.get_by_role("radio", name=re.compile("^图上没有")).click()
    page.get_by_text("台账里的名称在图上找不到").wait_for()
    named = coverage.coverage(own_served.town()).unknown["lane"]
    lost = named[named.isin([*gone["lane_id"], *gone["name"]])]
    page.get_by_role("button", name=re.compile(re.escape(lost.iloc[0]))).first.wait_for()


def test_the_page_serves_while_the_command_line_imports(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    """Old figures, promptly, while an import runs beside; the new ones by themselves after it."""
    workspace, old = own_served.workspace(), own_served.town()
    file = other_ids(own_served, tmp_path / "新的.csv")
    looking, other = new_screen(own_served).open(), new_screen(own_served, 1280, 720).open()
    question = looking.question()
    revision = own_served.health()["revision"]
    command = [
        sys.executable,
        "-m",
        "cwmap.cli",
        "import",
        "-w",
        own_served.folder,
        "reports",
        file,
        "--json",
    ]
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    answered = 0
    while running.poll() is None:
        with looking.painted():
            looking.page.locator(".st-key-cat-garbage button").click()
        if workspace.revision() != revision:
            break
        question = looking.question()
        assert looking.metrics()["本期新增"] == f"{figures.summary(old, question).reports:,}"
        answered += 1
    assert answered >= 2
    done = json.loads(running.communicate(timeout=120)[0])
    assert running.returncode == 0
    assert done["added"] > 1_000
    new = own_served.town()
    for screen in (looking, other):
        now = screen.question()
        expected = f"{figures.summary(new, now).reports:,}"
        assert expected != f"{figures.summary(old, now).reports:,}"
        screen.page.locator(".cw-metric b").first.filter(has_text=expected).wait_for()
    assert own_served.health()["revision"] == done["revision"]
