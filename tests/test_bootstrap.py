"""`make setup` leaves a whole environment, quickly the second time, and mends a broken one."""

import shutil
import subprocess
import sys
from pathlib import Path

import bootstrap
import pytest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of its own; commands are written down instead of run."""
    venv = tmp_path / ".venv"
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "DONE", venv / bootstrap.DONE.name)
    python = bootstrap.PYTHON.relative_to(bootstrap.BIN.parent)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / python)
    return tmp_path


def record(monkeypatch: pytest.MonkeyPatch, fails: str | None = None) -> list[str]:
    """Stand in for `run`: remember the last argument, make the environment, fail where asked."""
    done: list[str] = []

    def run(*command: str | Path) -> bool:
        last = str(command[-1])
        done.append(Path(last).name or last)
        if last == str(bootstrap.VENV):
            bootstrap.PYTHON.parent.mkdir(parents=True, exist_ok=True)
            bootstrap.PYTHON.touch()
        return done[-1] != fails

    monkeypatch.setattr(bootstrap, "run", run)
    return done


STEPS = [".venv", "requirements.lock", "."]


def test_the_second_run_does_nothing_until_something_changes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = record(monkeypatch)
    assert bootstrap.main() == 0
    assert done == STEPS
    assert bootstrap.main() == 0
    assert done == STEPS
    monkeypatch.setattr(bootstrap, "whole", lambda: True)
    for name in ("requirements.lock", "pyproject.toml"):
        done.clear()
        (project / name).write_text("changed")
        assert bootstrap.main() == 0
        assert done == STEPS[1:]  # a whole environment is kept
    done.clear()
    bootstrap.PYTHON.unlink()
    assert bootstrap.main() == 0
    assert done == STEPS[1:]


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_step_ends_with_one_sentence_and_the_next_run_goes_on(
    step: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record(monkeypatch, fails=step)
    with pytest.raises(SystemExit) as ended:
        bootstrap.main()
    assert ended.value.code == 1
    chinese, english = capsys.readouterr().err.splitlines()
    assert chinese.endswith("。")
    assert english.isascii()
    assert not bootstrap.DONE.exists()
    done = record(monkeypatch)
    assert bootstrap.main() == 0
    assert done[-2:] == STEPS[1:]
    assert bootstrap.DONE.exists()


def test_only_a_whole_environment_in_its_own_place_counts_as_whole(project: Path) -> None:
    assert not bootstrap.whole()
    subprocess.run([sys.executable, "-m", "venv", bootstrap.VENV], check=True)
    assert bootstrap.whole()
    version = next(bootstrap.VENV.rglob("pip/_internal/__init__.py"))
    whole = version.read_bytes()
    version.write_bytes(whole[:-1])  # a copy that was cut short
    assert not bootstrap.whole()
    version.unlink()
    assert not bootstrap.whole()
    version.write_bytes(whole)
    assert bootstrap.whole()
    shutil.rmtree(version.parent)  # pip cannot even start
    assert not bootstrap.whole()


def test_an_environment_made_elsewhere_is_not_whole(project: Path) -> None:
    elsewhere = project / "elsewhere" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", elsewhere], check=True)
    elsewhere.rename(bootstrap.VENV)  # its scripts still name the old place
    assert not bootstrap.whole()


def test_a_missing_venv_module_is_installed_or_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/usr/bin/apt-get")
    done = record(monkeypatch)
    bootstrap.need_venv()
    assert done == ["-qq", f"python3.{sys.version_info[1]}-venv"]
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(SystemExit):
        bootstrap.need_venv()
    assert len(done) == 2
    assert "sudo apt-get install python3." in capsys.readouterr().err


def test_an_old_python_hands_over_to_a_newer_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.newer_python() == sys.executable
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    found = {"python3.12": "/opt/python3.12", "python3.11": "/opt/python3.11"}
    monkeypatch.setattr(bootstrap.shutil, "which", found.get)
    assert bootstrap.newer_python() == "/opt/python3.12"
    found.clear()
    with pytest.raises(SystemExit):
        bootstrap.newer_python()
    assert "需要 Python 3.11" in capsys.readouterr().err
