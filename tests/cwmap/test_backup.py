"""A backup holds every byte, says so, and is not believed when it does not."""

import json
import zipfile
from pathlib import Path

import pytest

from cwmap.backup import MANIFEST, backup, restore
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Workspace


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
    assert not list(tmp_path.glob(".restore-*"))


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
