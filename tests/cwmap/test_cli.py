"""The command line as acceptance calls it: JSON, exit codes, one Chinese sentence, no traceback."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cwmap import cli
from cwmap.store import Workspace

REPORTS = """问题编号,问题类别,上报时间,状态,经度,纬度,所在巷道
W1,路面坑洼,2026-03-01 09:05,待处理,1,1,
W2,暴露垃圾,2026年3月2日,已办结,,,文明巷
W3,飞碟降落,2026-03-03,,,,
W4,暴露垃圾,2026-02-30,,,,
"""
LANES = '巷道编号,巷道名称,图形\nX1,文明巷,"POLYGON((0.999 0.999,1.001 0.999,1.001 1.001,0.999 1.001,0.999 0.999))"\n'


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["cwmap", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        return Said(int(end.value.code or 0), out, err)

    return call


@pytest.fixture
def town(run: Run, tmp_path: Path) -> Path:
    """A workspace of one lane somewhere in the Atlantic, in a UTM zone."""
    folder = tmp_path / "town"
    assert run("init", "-w", folder, "--name", "试验镇", "--crs", "EPSG:32631").code == 0
    lanes = tmp_path / "巷道.csv"
    lanes.write_text(LANES, encoding="utf-8")
    assert run("import", "-w", folder, "lanes", lanes, "--coords", "wgs84").code == 0
    return folder


def test_a_town_goes_in_and_out(run: Run, town: Path, tmp_path: Path) -> None:
    file = tmp_path / "问题.csv"
    file.write_text(REPORTS, encoding="gb18030")
    rejects = tmp_path / "未收录.xlsx"
    said = run("import", "-w", town, "reports", file, "--json", "--rejects", rejects)
    assert (said.code, said.err) == (0, "")
    done = said.json
    assert {k: done[k] for k in ("table", "read", "added", "updated", "unchanged", "rejected")} == {
        "table": "reports", "read": 4, "added": 2, "updated": 0, "unchanged": 0, "rejected": 2,
    }  # fmt: skip
    assert {(p["row"], p["column"]) for p in done["problems"]} == {(4, "问题类别"), (5, "上报时间")}
    assert all(p["value"] and p["reason"] for p in done["problems"])
    assert rejects.stat().st_size > 1000

    again = run("import", "-w", town, "reports", file, "--json").json
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert again["revision"] == done["revision"]

    status = run("status", "-w", town, "--json").json
    assert status["tables"]["reports"] == 2
    assert status["placed"] == {"within": 1, "name": 1, "nearest": 0, "unplaced": 0}
    assert status["revision"] == done["revision"]

    out = tmp_path / "out.geojson"
    said = run("export", "-w", town, "reports", out, "--category", "road", "--json")
    assert said.json == {"layer": "reports", "features": 1, "file": str(out)}
    features = json.loads(out.read_text(encoding="utf-8"))["features"]
    assert features[0]["properties"]["lane_id"] == "X1"


def test_a_dry_run_changes_nothing(run: Run, town: Path, tmp_path: Path) -> None:
    file = tmp_path / "问题.csv"
    file.write_text(REPORTS, encoding="utf-8")
    before = Workspace.open(town).revision()
    said = run("import", "-w", town, "reports", file, "--dry-run", "--json").json
    assert (said["added"], said["rejected"]) == (2, 2)
    assert Workspace.open(town).revision() == before
    assert Workspace.open(town).counts()["reports"] == 0


def test_a_backup_comes_back(run: Run, town: Path, tmp_path: Path) -> None:
    kept = tmp_path / "备份.zip"
    assert run("backup", "-w", town, kept, "--json").code == 0
    elsewhere = tmp_path / "elsewhere"
    assert run("restore", kept, "-w", elsewhere, "--json").code == 0
    assert Workspace.open(elsewhere).counts() == Workspace.open(town).counts()
    refused = run("restore", kept, "-w", elsewhere)
    assert refused.code == 1
    assert "已有工作区" in refused.err


def test_every_table_has_a_template(run: Run, tmp_path: Path) -> None:
    from cwmap.tables import TABLES

    for name in TABLES:
        file = tmp_path / f"{name}.xlsx"
        assert run("template", name, file, "--json").json["table"] == name
        assert file.read_bytes().startswith(b"PK")


def test_the_demo_town_is_made_once(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "示例"
    said = run("demo", "-w", folder, "--reports", 300, "--days", 60, "--seed", 4, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json == Workspace.open(folder).counts()
    assert said.json["reports"] == 300
    assert Workspace.open(folder).settings().synthetic
    assert {p.name for p in (folder / "示例文件").iterdir()} >= {
        "巷道.zip",
        "问题台账.csv",
        "truth.json",
    }
    again = run("demo", "-w", folder)
    assert again.code == 1
    assert "已有数据" in again.err
    run("init", "-w", tmp_path / "other", "--crs", "EPSG:32648")
    other = run("demo", "-w", tmp_path / "other")
    assert other.code == 1
    assert "EPSG:4544" in other.err


BAD = [
    (2, ["--nonsense"]),
    (2, ["nonsense"]),
    (2, ["import"]),
    (2, ["import", "lanes"]),
    (2, ["import", "lanes", "a", "b", "c"]),
    (2, ["demo", "--reports", "many"]),
    (2, ["import", "lanes", "a.csv", "--where-lane-width", "wide"]),
    (1, ["init", "--crs", "EPSG:4326"]),
    (1, ["init", "--crs", "nowhere"]),
    (1, ["init", "--crs", "EPSG:4544", "--timezone", "Mars/Olympus"]),
    (1, ["status", "-w", "{tmp}/nothing"]),
    (1, ["import", "-w", "{town}", "reports", "{tmp}/missing.csv"]),
    (1, ["import", "-w", "{town}", "wishes", "{file}"]),
    (1, ["import", "-w", "{town}", "lanes", "{file}", "--coords", "atlantis"]),
    (1, ["import", "-w", "{town}", "reports", "{file}", "--map", "经度"]),
    (1, ["import", "-w", "{town}", "reports", "{file}", "--map", "没有的列=lon"]),
    (1, ["import", "-w", "{town}", "reports", "{file}", "--encoding", "klingon"]),
    (1, ["import", "-w", "{town}", "lanes", "{file}"]),
    (1, ["export", "-w", "{town}", "wishes", "{tmp}/a.gpkg"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/a.docx"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/no/such/folder/a.gpkg"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/a.gpkg", "--crs", "EPSG:999999"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/a.gpkg", "--from", "yesterday"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/a.gpkg", "--lane", "不存在巷"]),
    (1, ["export", "-w", "{town}", "lanes", "{tmp}/a.gpkg", "--status", "lost"]),
    (1, ["restore", "{file}", "-w", "{tmp}/new"]),
    (1, ["restore", "{tmp}/missing.zip", "-w", "{tmp}/new"]),
    (1, ["template", "wishes", "{tmp}/a.xlsx"]),
    (1, ["serve", "-w", "{tmp}/nothing"]),
]


@pytest.mark.parametrize(
    ("code", "words"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else ""
)
def test_a_mistake_ends_in_one_chinese_sentence(
    run: Run,
    town: Path,
    tmp_path: Path,
    code: int,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "问题.csv"
    file.write_text(REPORTS, encoding="utf-8")
    before = Workspace.open(town).revision()
    said = run(*(w.format(tmp=tmp_path, town=town, file=file) for w in words))
    assert said.code == code, said
    assert said.out == ""
    lines = said.err.strip().splitlines()
    assert len(lines) == 1, said.err
    assert len(re.findall(r"[\u4e00-\u9fff]", lines[0])) > 6
    assert "Traceback" not in said.err
    assert "程序出错" not in said.err
    assert Workspace.open(town).revision() == before


def test_help_is_chinese(run: Run) -> None:
    for words in ([], ["import"], ["export"], ["serve"]):
        text = run(*words, "--help").out
        assert "用法" in text
        assert not re.search(r"\b(Usage|Options|Show|Commands)\b", text)


def test_a_console_that_knows_no_chinese_still_gets_the_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    words = [sys.executable, "-m", "cwmap.cli", "status", "-w", str(tmp_path / "none")]
    done = subprocess.run(words, capture_output=True, env=env, check=False)
    assert done.returncode == 1
    assert "没有工作区" in done.stderr.decode("utf-8")


# The process itself ----------------------------------------------------------------------------


def process(*words: object, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "cwmap.cli", *map(str, words)],
        capture_output=True, check=False, env={**os.environ, **env},
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["gbk", "cp437"])
def test_json_is_utf8_and_alone_whatever_the_console_speaks(town: Path, encoding: str) -> None:
    done = process("status", "-w", town, "--json", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode("utf-8"))["name"] == "试验镇"
    assert done.stdout.count(b"\n") == 1
    plain = process("status", "-w", town, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert "定位方式 落在巷道内：0" in plain.stdout.decode("utf-8")


def test_the_workspace_may_come_from_the_environment(town: Path, tmp_path: Path) -> None:
    done = process("status", "--json", CWMAP_WORKSPACE=str(town))
    assert json.loads(done.stdout)["tables"]["lanes"] == 1
    other = process("status", "-w", tmp_path / "none", CWMAP_WORKSPACE=str(town))
    assert other.returncode == 1  # what is asked for wins


def test_progress_is_a_bar_on_a_terminal_and_never_on_stdout(town: Path, tmp_path: Path) -> None:
    file = tmp_path / "问题.csv"
    file.write_text(REPORTS, encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "cwmap.cli",
        "import",
        "-w",
        str(town),
        "reports",
        str(file),
        "--json",
    ]
    ours, theirs = os.openpty()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        assert running.stdout
        out, shown = running.stdout.read(), b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end was closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert json.loads(out)["added"] == 2
    text = shown.decode("utf-8")
    assert "写入工作区" in text
    assert "完成" in text
    assert "█" in text


def test_a_reader_that_leaves_is_no_error(town: Path) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m cwmap.cli status -w '{town}' | head -c 1", shell=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.stderr == b""


def test_a_mistake_of_ours_is_told_without_a_traceback(
    run: Run, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("our mistake")

    monkeypatch.setattr("cwmap.inventory.inventory", fail)
    said = run("status", "-w", town)
    assert (said.code, said.out) == (1, "")
    assert "程序出错（RuntimeError）" in said.err
    assert len(said.err.splitlines()) == 1
    monkeypatch.setenv("CWMAP_DEBUG", "1")
    with pytest.raises(RuntimeError):
        cli.main()


def test_a_folder_that_must_not_be_written_is_told(tmp_path: Path) -> None:
    file, town, locked = tmp_path / "问题.csv", tmp_path / "town", tmp_path / "locked"
    file.write_text(REPORTS, encoding="utf-8")
    assert process("init", "-w", town).returncode == 0
    locked.mkdir()
    try:
        locked.chmod(0o500)
        town.chmod(0o500)
        (town / "town.gpkg").chmod(0o400)
        if os.access(locked, os.W_OK):
            pytest.skip("who runs this may write anywhere")
        for words in (
            ("init", "-w", locked / "w"), ("import", "-w", town, "reports", file),
            ("status", "-w", town), ("backup", "-w", town, locked / "a.zip"),
        ):  # fmt: skip
            said = process(*words)
            assert said.returncode == 1, words
            assert "权限" in said.stderr.decode("utf-8")
    finally:
        town.chmod(0o700)
        locked.chmod(0o700)


# The dashboard ---------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetched(url: str) -> bytes:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def test_the_dashboard_says_where_it_is_and_answers(town: Path, tmp_path: Path) -> None:
    port = free_port()
    words = [sys.executable, "-m", "cwmap.cli", "serve", "-w", str(town), "--port", str(port)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path
    ) as serving:
        try:
            assert serving.stdout
            first = serving.stdout.readline().decode("utf-8")
            assert f"http://127.0.0.1:{port}" in first
            assert "浏览器" in first
            health = json.loads(fetched(f"http://127.0.0.1:{port}/cwmap/health"))
            assert health["revision"] == 1
            assert fetched(f"http://127.0.0.1:{port}/_stcore/health") == b"ok"
        finally:
            serving.terminate()
            rest = serving.stdout.read().decode("utf-8") if serving.stdout else ""
    assert "Traceback" not in rest


def test_a_port_in_use_is_told(run: Run, town: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = run("serve", "-w", town, "--port", taken.getsockname()[1])
    assert said.code == 1
    assert "端口已被占用" in said.err
    said = run("serve", "-w", town, "--host", "203.0.113.1")
    assert said.code == 1
    assert "不属于本机" in said.err
