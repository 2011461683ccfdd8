"""Where the tests' browser is looked for."""

from pathlib import Path

import browser
import pytest


def program(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o755)
    return file


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any browser, whose PATH is one empty folder."""
    monkeypatch.delenv("CWMAP_BROWSER", raising=False)
    for name in browser.WINDOWS_ROOTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser, "ON_MAC", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_named_browser_is_the_only_one_asked(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(nowhere / "chromium")
    mine = program(nowhere / "my" / "browser")
    monkeypatch.setenv("CWMAP_BROWSER", str(mine))
    assert browser.find() == mine
    mine.unlink()
    assert browser.find() is None


def test_browsers_on_path_and_in_the_usual_places(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert browser.find() is None
    edge = program(nowhere / "files" / "Microsoft/Edge/Application/msedge.exe")
    monkeypatch.setenv("PROGRAMFILES(X86)", str(nowhere / "files"))
    assert browser.find() == edge
    chromium = program(nowhere / "chromium")
    assert browser.find() == chromium


def test_without_a_browser_one_sentence_says_what_to_do(
    nowhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(browser, "has_chinese_font", lambda: False)
    monkeypatch.setattr(browser, "install", lambda *packages: asked.extend(packages))
    assert browser.main() == 1
    assert capsys.readouterr().err.strip() == browser.MISSING
    assert asked == ["chromium", "fontconfig", "fonts-noto-cjk"]
    program(nowhere / "chromium")
    assert browser.main() == 1
    assert "没有中文字体" in capsys.readouterr().err
    monkeypatch.setattr(browser, "has_chinese_font", lambda: True)
    assert browser.main() == 0
    assert capsys.readouterr().out.strip() == str(nowhere / "chromium")
