"""The command line: what acceptance relies on (design, section 6)."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from cwmap import __version__
from cwmap.errors import CwmapError

app = typer.Typer(
    name="cwmap", add_completion=False, no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False, help="创卫一张图：把镇上的问题、责任和缺口放到一张图上。",
)  # fmt: skip

Folder = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="CWMAP_WORKSPACE", help="工作区文件夹")
]
Json = Annotated[bool, typer.Option("--json", help="结果只以一个 JSON 对象输出")]
HERE = Path("workspace")


def main() -> None:
    """Run a command; every failure is one Chinese sentence on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app(standalone_mode=False)
    except click.UsageError as error:
        _fail(f"用法不对：{_usage(error)}；请运行 cwmap --help 查看用法。", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("已中止，没有未完成的改动。", 1)
    except CwmapError as error:
        _fail(str(error), 1)
    except Exception as error:  # what is left is our mistake: say so, and keep the trace for us
        if os.environ.get("CWMAP_DEBUG"):
            raise
        _fail(
            f"程序出错（{type(error).__name__}），数据没有改动；"
            "请设置环境变量 CWMAP_DEBUG=1 重新运行，并把输出发给维护人员。", 1,
        )  # fmt: skip


def _fail(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        return f"没有选项 {error.option_name}"
    if isinstance(error, click.MissingParameter):
        parameter = error.param
        return f"缺少 {parameter.human_readable_name if parameter else '参数'}"
    if isinstance(error, click.BadParameter):
        parameter = error.param
        return f"{parameter.human_readable_name if parameter else '参数'} 的值不对"
    if "No such command" in error.message:
        return f"没有这个命令（{error.message.split()[-1].strip('.')}）"
    if "unexpected extra" in error.message:
        return "多写了参数"
    if "requires an argument" in error.message:
        return f"选项 {getattr(error, 'option_name', '')} 缺少值"
    return "缺少命令" if "Missing command" in error.message else "参数不对"


def _say(result: Mapping[str, Any], as_json: bool, lines: list[str]) -> None:
    print(json.dumps(result, ensure_ascii=False, default=str) if as_json else "\n".join(lines))


def _step(text: str, share: float) -> None:
    """Progress on stderr: a bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        done = int(24 * share)
        end = "\n" if share >= 1 else "\r"
        print(f"\r[{'█' * done}{'·' * (24 - done)}] {text:<20}", end=end, file=sys.stderr, flush=True)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="版本号")] = False,
) -> None:
    pass


@app.command()
def init(
    workspace: Folder = HERE,
    name: Annotated[str, typer.Option(help="城镇名称")] = "未命名城镇",
    crs: Annotated[str, typer.Option(help="以米为单位的投影坐标系")] = "EPSG:4544",
    timezone: Annotated[str, typer.Option(help="没有写明时区的时间属于哪个时区")] = "Asia/Shanghai",
    as_json: Json = False,
) -> None:
    """建立空的工作区。"""
    from cwmap.store import Settings, Workspace

    Workspace.create(workspace, Settings(name=name, crs=crs, timezone=timezone))
    result = {"workspace": str(workspace), "crs": crs}
    _say(result, as_json, [f"已建立工作区：{workspace}（{name}，{crs}）"])


@app.command()
def demo(
    workspace: Folder = HERE,
    reports: Annotated[int, typer.Option(min=0, max=20_000_000, help="问题数")] = 20_000,
    seed: Annotated[int, typer.Option(help="同一个种子生成同一个镇")] = 1,
    days: Annotated[int, typer.Option(min=1, max=3660, help="天数")] = 540,
    as_json: Json = False,
) -> None:
    """生成示例镇（全部数据为虚构）。"""
    from cwmap import sample

    counts = sample.fill(workspace, reports=reports, seed=seed, days=days, step=_step)
    lines = [f"已生成示例镇：{workspace}", *(f"  {k}：{v:,}" for k, v in counts.items())]
    _say(counts, as_json, lines)


@app.command()
def template(
    table: Annotated[str, typer.Argument(help="表名，如 reports")],
    file: Annotated[Path, typer.Argument(help="要写的 .xlsx 文件")],
    as_json: Json = False,
) -> None:
    """写一张可填写的空表：中文表头、下拉选项、一行示例。"""
    from cwmap import tables, templates

    target = tables.table(table)
    templates.write_template(target, file)
    result = {"table": target.name, "file": str(file)}
    _say(result, as_json, [f"已写出“{target.label}”模板：{file}"])


@app.command("import")
def import_(
    table: Annotated[str, typer.Argument(help="表名，如 lanes、reports")],
    file: Annotated[Path, typer.Argument(help="xlsx、xls、csv、shp、zip、gpkg、geojson、kml 文件")],
    workspace: Folder = HERE,
    mapping: Annotated[str, typer.Option("--map", help="列的对应关系，如 \"经度=lon,纬度=lat\"")] = "",
    coords: Annotated[str, typer.Option(help="auto、wgs84、cgcs2000、gcj02、bd09 或 EPSG:n")] = "auto",
    encoding: Annotated[str | None, typer.Option(help="文件编码，如 gb18030")] = None,
    sheet: Annotated[str | None, typer.Option(help="工作表名")] = None,
    layer: Annotated[str | None, typer.Option(help="图层名")] = None,
    where_lane_width: Annotated[float | None, typer.Option(help="巷道为线时的宽度（米）")] = None,
    add_categories: Annotated[bool, typer.Option("--add-categories", help="把未知类别加为本镇类别")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不写入")] = False,
    rejects: Annotated[Path | None, typer.Option(help="把未收录的行写到这个 .xlsx")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """导入一个文件：要么全部写入，要么什么都不变。"""
    from cwmap import importing
    from cwmap.store import Workspace

    store = Workspace.open(workspace)
    question = importing.Question(
        mapping=_mapping(mapping), coords=coords, encoding=encoding, sheet=sheet, layer=layer,
        lane_width_m=where_lane_width, add_categories=add_categories,
    )  # fmt: skip
    understood = importing.understand(store, table, file, question, _step)
    if dry_run:
        done = importing.preview(store, understood)
    else:
        done = importing.store(store, understood, file.name, _step)
    if rejects:
        importing.write_rejects(understood, rejects)
    _say(done.as_dict(), as_json, _import_lines(done, dry_run, rejects))


def _mapping(text: str) -> dict[str, str]:
    pairs = [part.split("=", 1) for part in text.replace("，", ",").split(",") if part.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise CwmapError("--map 写法不对；请写成 \"文件列名=表列名,文件列名=表列名\"，如 \"经度=lon,纬度=lat\"。")
    return {left.strip(): right.strip() for left, right in pairs}


def _import_lines(done: Any, dry_run: bool, rejects: Path | None) -> list[str]:
    head = "检查结果（没有写入）" if dry_run else "已导入"
    lines = [
        f"{head}：读 {done.read:,} 行，新增 {done.added:,}，更新 {done.updated:,}，"
        f"未变 {done.unchanged:,}，未收录 {done.rejected:,}（版本 {done.revision}）"
    ]
    lines += [f"  · {note}" for note in done.notes]
    shown = done.problems[:20]
    lines += [
        f"  {'✗' if p.level == 'error' else '!'} 第 {p.row} 行 {p.column}“{p.value}”：{p.reason}；{p.remedy}"
        for p in shown
    ]
    if len(done.problems) > len(shown):
        lines.append(f"  …另有 {len(done.problems) - len(shown):,} 条，用 --rejects 文件.xlsx 导出全部")
    if rejects:
        lines.append(f"未收录的行已写到 {rejects}；改正后可直接再次导入。")
    return lines


@app.command()
def status(workspace: Folder = HERE, as_json: Json = False) -> None:
    """工作区里有什么、问题怎样归属、质量如何。"""
    from cwmap.inventory import inventory
    from cwmap.store import Workspace

    facts = inventory(Workspace.open(workspace))
    lines = [f"{facts['name']}　版本 {facts['revision']}"]
    lines += [f"  {label}：{facts['tables'][name]:,}" for name, label in _labels().items()]
    lines += [f"  归属方式 {k}：{v:,}" for k, v in facts["placed"].items()]
    lines += [f"  {k}：{v}" for k, v in facts["quality"].items()]
    _say(facts, as_json, lines)


def _labels() -> dict[str, str]:
    from cwmap.tables import TABLES

    return {name: table.label for name, table in TABLES.items()}


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="图层：reports、lanes、cells、heat、facilities …")],
    file: Annotated[Path, typer.Argument(help="结尾决定格式：.gpkg .shp .zip .geojson .kml .fgb .parquet .xlsx .csv .tif")],
    workspace: Folder = HERE,
    crs: Annotated[str, typer.Option(help="输出坐标系")] = "EPSG:4326",
    bandwidth: Annotated[float | None, typer.Option(help="热力的带宽（米）")] = None,
    encoding: Annotated[str | None, typer.Option(help="shp 的编码，如 GBK")] = None,
    from_: Annotated[str, typer.Option("--from", help="起始日期，如 2026-01-01")] = "",
    to: Annotated[str, typer.Option("--to", help="截止日期")] = "",
    category: Annotated[str, typer.Option(help="类别代码，多个用逗号分隔")] = "",
    status: Annotated[str, typer.Option(help="状态：open,assigned,fixed,verified,rejected")] = "",
    area: Annotated[str, typer.Option(help="片区编号")] = "",
    community: Annotated[str, typer.Option(help="社区编码")] = "",
    lane: Annotated[str, typer.Option(help="巷道编号")] = "",
    source: Annotated[str, typer.Option(help="来源")] = "",
    as_json: Json = False,
) -> None:  # fmt: skip
    """把一个图层写成文件，按筛选条件。"""
    from cwmap import export as exporting
    from cwmap.filters import Filter
    from cwmap.store import Workspace
    from cwmap.town import open_town

    store = Workspace.open(workspace)
    words = {"from": from_, "to": to, "category": category, "status": status, "area": area,
             "community": community, "lane": lane, "source": source}  # fmt: skip
    done = exporting.export(
        open_town(store), store, layer, file, Filter.from_query(words), crs=crs,
        bandwidth_m=bandwidth, encoding=encoding, step=_step,
    )  # fmt: skip
    _say(done.as_dict(), as_json, [f"已写出 {done.layer}：{done.features:,} 个要素 → {done.file}"])


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="备份文件，如 备份.zip")],
    workspace: Folder = HERE, as_json: Json = False,
) -> None:  # fmt: skip
    """把工作区备份为一个文件。"""
    from cwmap import backup as backups
    from cwmap.store import Workspace

    done = backups.backup(Workspace.open(workspace), file)
    _say(done, as_json, [f"已备份到 {file}（版本 {done['revision']}）"])


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="备份文件")],
    workspace: Folder = HERE, as_json: Json = False,
) -> None:  # fmt: skip
    """从备份恢复到一个空文件夹，恢复前核对每个字节。"""
    from cwmap import backup as backups

    done = backups.restore(file, workspace)
    _say(done, as_json, [f"已恢复到 {workspace}（版本 {done['revision']}）"])


@app.command()
def serve(
    workspace: Folder = HERE,
    host: Annotated[str, typer.Option(help="监听的地址；局域网共享用本机 IP")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="端口")] = 8501,
) -> None:
    """打开看板。"""
    from cwmap.store import Workspace

    Workspace.open(workspace)  # said now, not in the browser
    _check_port(host, port)
    os.environ["CWMAP_WORKSPACE"] = str(workspace.resolve())
    print(f"创卫一张图：请用浏览器打开 http://{host}:{port}（按 Ctrl+C 停止）", flush=True)

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
                f"无法在 {host}:{port} 打开看板：端口已被占用或地址不属于本机；请用 --port 换一个端口。"
            ) from error


if __name__ == "__main__":
    main()
