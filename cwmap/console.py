"""The command line's manners: Chinese help and errors, one JSON object or lines, progress."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cwmap.errors import CwmapError

_VALUES = {
    "text": "文字",
    "path": "路径",
    "integer range": "整数",
    "float": "数",
    "float range": "数",
}


class ChineseCommand(click.Command):
    """A command whose help page is Chinese."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The line that says how to call it."""
        after = ["命令 …"] if isinstance(self, click.Group) else self._arguments(ctx)
        formatter.write_usage(ctx.command_path, " ".join(["[选项]", *after]), prefix="用法：")

    def _arguments(self, ctx: click.Context) -> list[str]:
        return [p.make_metavar(ctx) for p in self.params if isinstance(p, click.Argument)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, and for a group its commands."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for option in options:
            if not option.is_flag:
                option.metavar = _VALUES.get(option.type.name, option.metavar)
        records = (option.get_help_record(ctx) for option in options)
        with formatter.section("选项"):
            formatter.write_dl([record for record in records if record])
        if isinstance(self, click.Group):
            with formatter.section("命令"):
                formatter.write_dl(
                    [(n, c.get_short_help_str(80)) for n, c in self.commands.items()]
                )

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option --help."""
        option = super().get_help_option(ctx)
        if option:
            option.help = "显示本帮助"
        return option


class ChineseGroup(ChineseCommand, click.Group):
    """The command of commands."""

    command_class = ChineseCommand


def run(group: click.Group) -> None:
    """Run a command; every failure is one Chinese sentence on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        code = group.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        _fail(error.format_message(), 2)
    except click.UsageError as error:
        _fail(f"用法不对：{_usage(error)}；请运行 cwmap --help 查看用法。", 2)
    except (click.Abort, KeyboardInterrupt):
        _fail("已中止，没有未完成的改动。", 1)
    except CwmapError as error:
        _fail(str(error), 1)
    except BrokenPipeError:  # who read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:  # what is left is our mistake: say so, and keep the trace for us
        if os.environ.get("CWMAP_DEBUG"):
            raise
        _fail(
            f"程序出错（{type(error).__name__}），数据没有改动；"
            "请设置环境变量 CWMAP_DEBUG=1 重新运行，并把输出发给维护人员。", 1,
        )  # fmt: skip
    raise SystemExit(code if isinstance(code, int) else 0)


def _fail(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    raise SystemExit(code)


def _usage(error: click.UsageError) -> str:
    name = getattr(error, "option_name", None)
    if isinstance(error, click.NoSuchOption):
        return f"没有选项 {name}"
    if isinstance(error, click.BadOptionUsage):
        return f"选项 {name} 缺少值"
    if isinstance(error, click.BadParameter):  # a missing one is such an error, too
        named = error.param.human_readable_name if error.param else "参数"
        if isinstance(error.param, click.Option):
            named = "/".join(error.param.opts)
        if isinstance(error, click.MissingParameter):
            return f"缺少 {named}"
        kind = error.param.type if error.param else None
        if isinstance(kind, click.IntRange):
            return f"{named} 应为 {kind.min} 到 {kind.max} 的整数"
        return f"{named} 的值不对"
    if "No such command" in error.message:
        return f"没有命令 {error.message.split(chr(39))[1]}"
    if "extra argument" in error.message:
        return "多写了参数"
    return "缺少命令" if "Missing command" in error.message else "参数不对"


def say(result: Mapping[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    """The result: as one JSON object, or in lines for people."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, allow_nan=False, default=str))
    else:
        print("\n".join(lines))


def step(text: str, share: float) -> None:
    """Progress on stderr: a bar on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        done = int(24 * share)
        end = "\n" if share >= 1 else "\r"
        bar = f"\r[{'█' * done}{'·' * (24 - done)}] {text}{' ' * 24}"
        print(bar, end=end, file=sys.stderr, flush=True)


Command = Callable[..., None]

workspace_option = click.option(
    "-w", "--workspace", type=click.Path(path_type=Path), default=Path("workspace"),
    envvar="CWMAP_WORKSPACE", help="工作区文件夹，默认 ./workspace 或环境变量 CWMAP_WORKSPACE",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="结果只以一个 JSON 对象输出")

_FILTER = {
    "from": "起始日期，如 2026-01-01", "to": "截止日期，含当日",
    "category": "类别代码、名称或分组，多个用逗号分隔",
    "status": "状态：open,assigned,fixed,verified,rejected", "area": "片区编号或名称",
    "community": "社区编码或名称", "cell": "网格编码", "lane": "巷道编号或名称", "source": "来源",
}  # fmt: skip


def filter_options(command: Command) -> Command:
    """The options of a filter, under the words of a link's query (`cwmap.filters`)."""
    for word, help_text in reversed(_FILTER.items()):
        command = click.option(f"--{word}", word, default="", help=help_text)(command)
    return command


def argument(name: str, called: str) -> Callable[[Command], Command]:
    """A required argument, and what the usage line calls it."""
    return click.argument(name, metavar=called)
