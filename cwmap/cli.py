"""The command line: what acceptance relies on (design, section 6)."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cwmap import __version__, console
from cwmap.account_command import account
from cwmap.console import argument, filter_options, json_option, say, step, workspace_option
from cwmap.errors import CwmapError

if TYPE_CHECKING:
    from cwmap.importing import Imported

# What a command needs is imported when it runs: `cwmap --help` must not wait for pandas.
_FILE = click.Path(path_type=Path)


def main() -> None:
    """Run the command that the arguments name."""
    console.run(app)


@click.group("cwmap", cls=console.ChineseGroup)
@click.version_option(__version__, message="%(version)s", help="版本号")
def app() -> None:
    """创卫一张图：把镇上的问题、责任和缺口放到一张图上。"""


@app.command()
@workspace_option
@click.option("--name", default="未命名城镇", help="城镇名称")
@click.option("--crs", default="EPSG:4544", help="以米为单位的投影坐标系，默认 EPSG:4544")
@click.option("--timezone", default="Asia/Shanghai", help="没有写明时区的时间属于哪个时区")
@json_option
def init(workspace: Path, name: str, crs: str, timezone: str, as_json: bool) -> None:
    """建立空的工作区。"""
    from cwmap.store import Settings, Workspace

    made = Workspace.create(workspace, Settings(name=name, crs=crs, timezone=timezone)).settings()
    result = {"workspace": str(workspace), "crs": made.crs}
    say(result, as_json, [f"已建立工作区：{workspace}（{made.name}，{made.crs}）"])


@app.command()
@workspace_option
@click.option("--reports", type=click.IntRange(1, 20_000_000), default=20_000, help="问题数")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, help="同一个种子生成同一个镇")
@click.option("--days", type=click.IntRange(1, 3660), default=540, help="天数")
@json_option
def demo(workspace: Path, reports: int, seed: int, days: int, as_json: bool) -> None:
    """生成示例镇（全部数据为虚构）。"""
    from cwmap import sample
    from cwmap.tables import TABLES

    counts = sample.fill(workspace, reports=reports, seed=seed, days=days, step=step)
    lines = [f"  {TABLES[name].label}：{number:,}" for name, number in counts.items()]
    say(counts, as_json, [f"已生成示例镇：{workspace}", *lines])


@app.command()
@argument("table", "表名")
@click.argument("file", type=_FILE, metavar="文件.xlsx")
@json_option
def template(table: str, file: Path, as_json: bool) -> None:
    """写一张可填写的空表：中文表头、下拉选项、一行示例。

    表名如 lanes（巷道）、reports（问题），也可用中文。
    """
    from cwmap import tables, templates

    target = tables.table(table)
    templates.write_template(target, file)
    result = {"table": target.name, "file": str(file)}
    say(result, as_json, [f"已写出“{target.label}”模板：{file}"])


@app.command("import")
@argument("table", "表名")
@click.argument("file", type=_FILE, metavar="文件")
@workspace_option
@click.option("--map", "mapping", default="", help='列的对应关系，如 "经度=lon,纬度=lat"')
@click.option("--coords", default="auto", help="auto、wgs84、cgcs2000、gcj02、bd09 或 EPSG:n")
@click.option("--encoding", help="文件编码，如 gb18030")
@click.option("--sheet", help="工作表名")
@click.option("--layer", help="图层名")
@click.option("--where-lane-width", type=float, help="巷道为线时的宽度（米）")
@click.option("--add-categories", is_flag=True, help="把未知类别登记为本镇类别")
@click.option(
    "--replace",
    "replaces",
    is_flag=True,
    help="整表替换：文件里没有的行从表里移除（移除的行留底）；限巷道、网格、社区、片区、设施、人口、责任、责任单元",
)
@click.option("--dry-run", is_flag=True, help="只检查，不写入；与 --replace 合用时列出将移除的行")
@click.option("--rejects", type=_FILE, help="把未收录的行写到这个 .xlsx 或 .csv")
@json_option
def import_(
    table: str, file: Path, workspace: Path, mapping: str, coords: str, encoding: str | None,
    sheet: str | None, layer: str | None, where_lane_width: float | None, add_categories: bool,
    replaces: bool, dry_run: bool, rejects: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """导入一个文件：要么全部写入，要么什么都不变。

    表名如 lanes（巷道）、reports（问题），也可用中文；文件可以是 xlsx、xls、csv、shp、zip、gpkg、
    geojson、kml。
    """
    from cwmap import importing
    from cwmap.store import Workspace

    store = Workspace.open(workspace)
    question = importing.Question(
        mapping=_mapping(mapping), coords=coords, encoding=encoding, sheet=sheet, layer=layer,
        lane_width_m=where_lane_width, add_categories=add_categories,
    )  # fmt: skip
    understood = importing.understand(store, table, file, question, step)
    if rejects:  # first: if it cannot be written, nothing is changed
        importing.write_rejects(understood, rejects)
    if replaces:
        understood = importing.replacing(store, understood)
    if dry_run:
        done = importing.preview(store, understood)
    else:
        done = importing.store(store, understood, file.name, step)
    say(done.as_dict(), as_json, _import_lines(done, dry_run, rejects))


def _mapping(text: str) -> dict[str, str]:
    pairs = [part.split("=", 1) for part in text.replace("，", ",").split(",") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise CwmapError(
            '--map 写法不对；请写成 "文件列名=表列名,文件列名=表列名"，如 "经度=lon,纬度=lat"。'
        )
    return {left.strip(): right.strip() for left, right in pairs}


def _import_lines(done: Imported, dry_run: bool, rejects: Path | None) -> list[str]:
    head = "检查结果（没有写入）" if dry_run else "已导入"
    counts = (
        f"读 {done.read:,} 行，新增 {done.added:,}，更新 {done.updated:,}，"
        f"未变 {done.unchanged:,}，移除 {done.removed:,}，未收录 {done.rejected:,}"
    )
    lines = [f"{head}：{counts}（版本 {done.revision}）", *(f"  · {note}" for note in done.notes)]
    shown = done.problems[:20]
    for p in shown:
        mark, value = "✗" if p.level == "error" else "!", f"“{p.value}”" if p.value else ""
        lines.append(f"  {mark} 第 {p.row} 行 {p.column}{value}：{p.reason}；{p.remedy}")
    if len(done.problems) > len(shown):
        lines.append(f"  …另有 {len(done.problems) - len(shown):,} 条，用 --json 查看全部")
    if rejects:
        lines.append(f"未收录的行已写到 {rejects}；改正后可直接再次导入。")
    return lines


@app.command()
@workspace_option
@json_option
def status(workspace: Path, as_json: bool) -> None:
    """工作区里有什么、问题怎样归属、质量如何。"""
    from cwmap.inventory import QUALITY, inventory
    from cwmap.store import Workspace
    from cwmap.tables import REPORTS, TABLES

    facts = inventory(Workspace.open(workspace))
    lines = [f"{facts['name']}（{facts['crs']}），版本 {facts['revision']}"]
    lines += [f"  {TABLES[name].label}：{number:,}" for name, number in facts["tables"].items()]
    ways = REPORTS["placed_by"]
    lines += [f"  {ways.label} {ways.shown(w)}：{n:,}" for w, n in facts["placed"].items()]
    quality = facts["quality"].items()
    lines += [f"  {QUALITY[k]}：{'—' if v is None else v}" for k, v in quality]
    say(facts, as_json, lines)


@app.command()
@argument("layer", "图层")
@click.argument("file", type=_FILE, metavar="文件")
@workspace_option
@click.option("--crs", default="EPSG:4326", help="输出坐标系，默认 EPSG:4326")
@click.option("--bandwidth", type=click.FloatRange(min=0, min_open=True), help="热力的带宽（米）")
@click.option("--encoding", help="shp 的编码，如 GBK")
@filter_options
@json_option
def export(
    layer: str, file: Path, workspace: Path, crs: str, bandwidth: float | None,
    encoding: str | None, as_json: bool, **words: str,
) -> None:  # fmt: skip
    """把一个图层写成文件，按筛选条件。

    图层如 reports、lanes、cells、heat、facilities、duties、ranking、tasks、gaps、sites，也可用中文；all（全部）
    把所有图层写进一个 .gpkg。文件名的结尾决定格式：.gpkg .shp .zip .geojson .kml .fgb .parquet
    .xlsx .csv .tif。
    """
    from cwmap import export as exporting
    from cwmap.filters import Filter
    from cwmap.store import Workspace
    from cwmap.town import open_town

    question = Filter.from_query({k: v.replace("，", ",") for k, v in words.items()})
    store = Workspace.open(workspace)
    done = exporting.export(
        open_town(store), store, layer, file, question, crs=crs, bandwidth_m=bandwidth,
        encoding=encoding, step=step,
    )  # fmt: skip
    lines = [f"已写出 {done.layer}：{done.features:,} 个要素 → {done.file}"]
    say(done.as_dict(), as_json, lines + [f"  · {note}" for note in done.notes])


@app.command()
@click.argument("file", type=_FILE, metavar="备份文件")
@workspace_option
@json_option
def backup(file: Path, workspace: Path, as_json: bool) -> None:
    """把工作区备份为一个文件。"""
    from cwmap import backup as backups
    from cwmap.store import Workspace

    done = backups.backup(Workspace.open(workspace), file)
    say(done, as_json, [f"已备份到 {file}（版本 {done['revision']}）"])


@app.command()
@click.argument("file", type=_FILE, metavar="备份文件")
@workspace_option
@json_option
def restore(file: Path, workspace: Path, as_json: bool) -> None:
    """从备份恢复到一个空文件夹，恢复前核对每个字节。"""
    from cwmap import backup as backups

    done = backups.restore(file, workspace)
    say(done, as_json, [f"已恢复到 {workspace}（版本 {done['revision']}）"])


@app.command()
@click.argument("file", type=_FILE, metavar="文件.pdf")
@workspace_option
@click.option("--lane", default="", help="巷道编号，多个用逗号分隔；不写则全部")
@click.option("--size", type=click.Choice(["A3", "A4"]), default="A3", help="纸张，A3 或 A4")
@json_option
def boards(
    file: Path, workspace: Path, lane: str, size: Literal["A3", "A4"], as_json: bool
) -> None:
    """印责任公示牌：每条巷道一页的 PDF。"""
    from cwmap.duties import boards as printing
    from cwmap.duties.posting import lane_boards
    from cwmap.export import replacing
    from cwmap.store import Workspace
    from cwmap.town import open_town

    town = open_town(Workspace.open(workspace))
    wanted = [word.strip() for word in lane.replace("，", ",").split(",") if word.strip()]
    made = lane_boards(town, wanted or [str(i) for i in town.layers["lanes"].index])
    pages = printing.boards(made, size)
    with replacing(file) as part:
        part.write_bytes(pages)
    result = {"boards": len(made), "size": size, "file": str(file)}
    say(result, as_json, [f"已写出 {len(made):,} 块公示牌（{size}）：{file}"])


@app.command()
@click.argument("file", type=_FILE, metavar="文件")
@workspace_option
@click.option("--one-page", is_flag=True, help="只印一页 A4（PDF）")
@filter_options
@json_option
def brief(file: Path, workspace: Path, one_page: bool, as_json: bool, **words: str) -> None:
    """写会议通报，按筛选条件：文件名以 .pdf、.pptx、.docx 或 .html 结尾。"""
    from cwmap import brief as briefs
    from cwmap.filters import Filter
    from cwmap.store import Workspace
    from cwmap.town import open_town

    question = Filter.from_query({k: v.replace("，", ",") for k, v in words.items()})
    briefs.check(file.suffix.lower(), one_page)
    store = Workspace.open(workspace)
    step("汇总数字", 0.1)
    found = briefs.brief(open_town(store), store, question)
    step("排版", 0.6)
    done = briefs.write(found, file, one_page=one_page)
    step("完成", 1.0)
    result = done.as_dict(file, found)
    say(result, as_json, [f"已写出通报（{found.period}，{len(found.sections)} 节）：{file}"])


@app.command("set")
@workspace_option
@click.option("--name", help="城镇名称")
@click.option("--office", help="办公室名称，印在公示牌上")
@click.option("--hotline", help="监督电话")
@click.option("--address", help="看板的网址，如 http://10.1.2.3:8501，印成二维码")
@click.option("--hours", help="上班时间，如 08:30-12:00,14:30-18:00")
@click.option(
    "--workdays", type=click.Choice(["calendar", "daily"]),
    help="calendar 按国家节假日和调休，daily 天天上班",
)  # fmt: skip
@click.option("--review", help="审图号，或“内部使用”，印在地图上")
@click.option("--phones/--no-phones", "boards_show_phones", default=None, help="公示牌上是否印电话")
@json_option
def set_(workspace: Path, as_json: bool, **words: str | bool | None) -> None:
    """修改办公室的设置；不带选项时列出现有设置。"""
    from cwmap import office
    from cwmap.store import Workspace

    store = Workspace.open(workspace)
    facts = office.change(store, {k: v for k, v in words.items() if v is not None})
    say(facts, as_json, [f"  {office.LABELS[k]}：{office.shown(v)}" for k, v in facts.items()])


app.add_command(account)


@app.command()
@workspace_option
@click.option("--host", default="127.0.0.1", help="监听的地址；局域网共享用本机 IP")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, help="端口，默认 8501")
def serve(workspace: Path, host: str, port: int) -> None:
    """打开看板。"""
    from cwmap.store import Workspace

    Workspace.open(workspace).close()  # what is wrong with it is said now, not in the browser
    _check_port(host, port)
    os.environ["CWMAP_WORKSPACE"] = str(workspace.resolve())
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"创卫一张图：请用浏览器打开 http://{shown}:{port}（按 Ctrl+C 停止）")

    from streamlit.web import cli

    from cwmap.shipped import shipped

    options = {"server.address": host, "server.port": port, "logger.hideWelcomeMessage": "true"}
    words = [f"--{key}={value}" for key, value in options.items()]
    cli.main(["run", str(shipped("app.py")), *words], standalone_mode=False)


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CwmapError(
                f"无法在 {host}:{port} 打开看板：端口已被占用或地址不属于本机；"
                "请用 --port 换一个端口。"
            ) from error


if __name__ == "__main__":
    main()
