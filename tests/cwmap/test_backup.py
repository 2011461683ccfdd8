"""A backup holds every byte, says so, and is not believed when it does not."""

import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from cwmap.backup import MANIFEST, backup, restore
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Settings, Workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kept(demo_workspace: Workspace, tmp_path: Path) -> Path:
    photos = demo_workspace.folder / "photos"
    photos.mkdir(exist_ok=True)
    (photos / "井盖.jpg").write_bytes(bytes(range(256)) * 40)
    target = tmp_path / "备份.zip"
    backup(demo_workspace, target)
    return target


def test_what_was_saved_comes_back(demo_workspace: Workspace, kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "town"
    done = restore(kept, folder)
    again = Workspace.open(folder)
    assert done["revision"] == again.revision() == demo_workspace.revision()
    assert again.counts() == demo_workspace.counts()
    assert again.settings() == demo_workspace.settings()
    assert again.read("reports").equals(demo_workspace.read("reports"))
    assert (folder / "photos" / "井盖.jpg").read_bytes() == bytes(range(256)) * 40


def altered(
    kept: Path, target: Path, change: dict[str, bytes | None], rename: dict[str, str] | None = None
) -> Path:
    """A copy with some members changed, left out (None) or renamed."""
    with zipfile.ZipFile(kept) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            content = change.get(member, old.read(member))
            if content is not None:
                new.writestr((rename or {}).get(member, member), content)
    return target


def flipped(kept: Path, member: str) -> bytes:
    with zipfile.ZipFile(kept) as archive:
        content = bytearray(archive.read(member))
    content[len(content) // 2] ^= 1
    return bytes(content)


def test_a_changed_or_missing_byte_is_found(kept: Path, tmp_path: Path) -> None:
    manifest = json.loads(zipfile.ZipFile(kept).read(MANIFEST))
    outside = {**manifest, "sha256": {**manifest["sha256"], "../out.txt": "0" * 64}}
    cases: list[dict[str, bytes | None]] = [
        {FILE: flipped(kept, FILE)}, {"photos/井盖.jpg": flipped(kept, "photos/井盖.jpg")},
        {FILE: None}, {"photos/井盖.jpg": None}, {MANIFEST: None}, {MANIFEST: b"{}"},
        {MANIFEST: b"not json"}, {MANIFEST: json.dumps(outside).encode()},
    ]  # fmt: skip
    for at, change in enumerate(cases):
        folder = tmp_path / f"town{at}"
        with pytest.raises(WorkspaceError, match="没有恢复"):
            restore(altered(kept, tmp_path / f"{at}.zip", change), folder)
        assert not folder.exists()
    assert not (tmp_path / "out.txt").exists()
    assert not list(tmp_path.rglob(".cwmap-*"))


def test_half_a_file_and_no_zip_are_refused(kept: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(kept.read_bytes()[: kept.stat().st_size // 2])
    text = tmp_path / "text.zip"
    text.write_text("这不是备份", encoding="utf-8")
    for source in (half, text, tmp_path / "none.zip"):
        with pytest.raises(WorkspaceError):
            restore(source, tmp_path / "town")
        assert not (tmp_path / "town").exists()


def test_a_workspace_is_never_overwritten(demo_workspace: Workspace, kept: Path) -> None:
    before = (demo_workspace.folder / FILE).stat().st_mtime_ns
    with pytest.raises(WorkspaceError, match="已有工作区"):
        restore(kept, demo_workspace.folder)
    assert (demo_workspace.folder / FILE).stat().st_mtime_ns == before


def test_a_target_that_cannot_be_written_leaves_nothing(
    demo_workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(WorkspaceError, match="不存在"):
        backup(demo_workspace, tmp_path / "no" / "such" / "a.zip")
    folder = tmp_path / "a.zip"
    folder.mkdir()
    with pytest.raises(WorkspaceError):
        backup(demo_workspace, folder)
    assert list(tmp_path.iterdir()) == [folder]


def digests(folder: Path) -> dict[str, str]:
    """Every file of a workspace and its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def small(workspace: Workspace, tmp_path: Path) -> Path:
    """A backup of an empty workspace with a photo; small enough to try many of its bytes."""
    (workspace.folder / "photos").mkdir()
    (workspace.folder / "photos" / "1.jpg").write_bytes(b"photo" * 100)
    target = tmp_path / "small.zip"
    backup(workspace, target)
    return target


def test_whatever_byte_is_changed_nothing_wrong_comes_back(small: Path, tmp_path: Path) -> None:
    restore(small, tmp_path / "good")
    good, content, chance = digests(tmp_path / "good"), small.read_bytes(), random.Random(3)
    places = [*range(80), *range(len(content) - 300, len(content))]
    places += chance.sample(range(len(content)), 60)
    refused = 0
    for at in places:
        bad = bytearray(content)
        bad[at] ^= 1 << chance.randrange(8)
        source, folder = tmp_path / "bad.zip", tmp_path / "town"
        source.write_bytes(bad)
        try:
            restore(source, folder)
        except WorkspaceError as error:
            assert "没有恢复" in str(error)  # noqa: PT017
            assert not folder.exists()
            refused += 1
        else:  # a byte that means nothing, such as a date in the archive's contents
            assert digests(folder) == good
            shutil.rmtree(folder)
    assert refused > len(places) / 2


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/out.txt", "photos/../../out.txt", "photos/..", "photos/a/b.txt", "other.txt",
     "photos\\..\\..\\out.txt", "photos/..\\out.txt", "photos/C:out.txt", "C:/out.txt", "photos/"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(small: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(small) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        members = {n: archive.read(n) for n in archive.namelist()}
    manifest["sha256"][name] = hashlib.sha256(b"out").hexdigest()
    source = tmp_path / "evil.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for member, content in {
            **members,
            MANIFEST: json.dumps(manifest).encode(),
            name: b"out",
        }.items():
            archive.writestr(member, content)
    before = digests(tmp_path)
    with pytest.raises(WorkspaceError, match="没有恢复"):
        restore(source, tmp_path / "town")
    assert digests(tmp_path) == before
    assert not (tmp_path / "town").exists()


def test_a_backup_without_a_store_or_of_another_revision_is_refused(
    small: Path, tmp_path: Path
) -> None:
    manifest = json.loads(zipfile.ZipFile(small).read(MANIFEST))
    photo = {"photos/1.jpg": manifest["sha256"]["photos/1.jpg"]}
    for wrong in (
        {"sha256": photo},
        {"sha256": {}},
        {"sha256": []},
        {"revision": 7},
        {"revision": None},
    ):
        changed = json.dumps({**manifest, **wrong}).encode()
        with pytest.raises(WorkspaceError, match="没有恢复"):
            restore(altered(small, tmp_path / "x.zip", {MANIFEST: changed}), tmp_path / "town")
        assert not (tmp_path / "town").exists()


def test_a_newer_backup_asks_for_the_newer_program(workspace: Workspace, tmp_path: Path) -> None:
    backup(workspace, tmp_path / "a.zip")
    with closing(sqlite3.connect(workspace.folder / FILE)) as store:
        store.execute("UPDATE cwmap_settings SET value = '99' WHERE key = 'version'")
        store.commit()
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (workspace.folder / FILE).read_bytes()
    manifest = json.loads(zipfile.ZipFile(tmp_path / "a.zip").read(MANIFEST))
    manifest["sha256"][FILE] = hashlib.sha256(content).hexdigest()
    newer = altered(
        tmp_path / "a.zip",
        tmp_path / "b.zip",
        {FILE: content, MANIFEST: json.dumps(manifest).encode()},
    )
    with pytest.raises(WorkspaceError, match="升级本软件"):
        restore(newer, tmp_path / "town")
    assert not (tmp_path / "town").exists()


def test_only_an_empty_folder_is_restored_into(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "used"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "old.jpg").write_bytes(b"old")
    with pytest.raises(WorkspaceError, match="不是空文件夹"):
        restore(small, folder)
    assert digests(folder) == {"photos/old.jpg": hashlib.sha256(b"old").hexdigest()}
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".cwmap-left").mkdir()  # by a restore that was killed
    restore(small, empty)
    assert Workspace.open(empty).settings() == Settings()
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError):
        restore(small, tmp_path / "file")


def test_a_backup_is_of_one_state_while_imports_go_on(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.changing() as change:
        change.set(name="未提交")
        done = backup(workspace, tmp_path / "a.zip")
    restore(tmp_path / "a.zip", tmp_path / "town")
    assert Workspace.open(tmp_path / "town").settings().name == Settings().name
    assert done["bytes"] == (tmp_path / "a.zip").stat().st_size


KEEPER = """
import os, signal, sys
from pathlib import Path
from cwmap.backup import backup, restore
from cwmap.store import Workspace

def work(word, source, target, last):
    calls = 0
    def count(*_):
        nonlocal calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    if word == "backup":
        backup(Workspace.open(Path(source)), Path(target))
    else:
        restore(Path(source), Path(target))
    sys.setprofile(None)
    print(calls, flush=True)
    os._exit(0)

for line in sys.stdin:
    child = os.fork()
    if not child:
        *words, last = line.rstrip().split("|")
        work(*words, int(last))
    if os.waitpid(child, 0)[1]:
        print("dead", flush=True)
"""


def test_killed_half_way_neither_leaves_half_a_thing(
    demo_workspace: Workspace, tmp_path: Path
) -> None:
    whole, old = tmp_path / "whole.zip", tmp_path / "old.zip"
    backup(demo_workspace, old)
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER], cwd=ROOT, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as keeper:  # fmt: skip

        def asked(*words: object) -> str:
            """The number of calls it took, or that it died at the last one it was to make."""
            assert keeper.stdin
            assert keeper.stdout
            print(*words, sep="|", file=keeper.stdin, flush=True)
            return keeper.stdout.readline().strip()

        calls = int(asked("backup", demo_workspace.folder, whole, 0))
        for part in range(8):
            assert asked("backup", demo_workspace.folder, old, 1 + calls * part // 8) == "dead"
            restore(old, tmp_path / f"from{part}")
        calls = int(asked("restore", whole, tmp_path / "all", 0))
        for part in range(8):
            folder = tmp_path / f"town{part}"
            assert asked("restore", whole, folder, 1 + calls * part // 8) == "dead"
            if not (folder / FILE).exists():
                restore(whole, folder)  # nothing stands in the way
            assert Workspace.open(folder).counts() == demo_workspace.counts()
        assert keeper.stdin
        keeper.stdin.close()
