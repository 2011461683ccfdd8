"""What an installation gets: all of the project that a user needs, the same at every place."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical
from packaging.version import Version

from cwmap.shipped import shipped

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def files_under(*names: str) -> set[str]:
    """The checkout's files under some folders, as a wheel would name them."""
    found = [file for name in names for file in [ROOT / name, *(ROOT / name).rglob("*")]]
    return {
        file.relative_to(ROOT).as_posix()
        for file in found
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_both_packages_and_what_lies_beside_them(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    packages = files_under("cwmap", "geo")
    assert packages <= held
    assert {"cwmap/cli.py", "cwmap/ui/static/vendor/leaflet/leaflet.js"} <= packages
    beside = files_under(
        "app.py", "pages", "data/norms", "data/print", "data/demo", ".streamlit/config.toml"
    )
    for folder in ("pages/", "data/norms/", "data/print/", "data/demo/"):
        assert any(name.startswith(folder) for name in beside), folder
    assert {f"cwmap/_shipped/{name}" for name in beside} <= held
    other = held - packages - {f"cwmap/_shipped/{name}" for name in beside}
    assert {name.partition("/")[0] for name in other} == {"cwmap-0.1.0.dist-info"}
    about = {name.partition("/")[2] for name in other}
    assert {
        "licenses/LICENSE",
        "licenses/NOTICE",
        "licenses/cwmap/ui/static/vendor/LICENSES.md",
    } <= about


def test_an_unpacked_wheel_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    asked = """
import cwmap, cwmap.ui.assets, geo
from cwmap.shipped import shipped
print(cwmap.__file__, geo.__file__, cwmap.ui.assets.ASSETS / "vendor", sep="\\n")
for name in ("app.py", "pages", "data/norms", "data/demo", ".streamlit/config.toml"):
    print(shipped(name))
try:
    shipped("pyproject.toml")
except FileNotFoundError:
    print(shipped("."))
"""
    answer = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    paths = [Path(line) for line in answer.stdout.splitlines()]
    assert len(paths) == 9
    for path in paths:
        assert path.is_relative_to(site)
        assert path.exists()


def test_a_checkout_uses_its_own_files() -> None:
    assert shipped("data/norms") == ROOT / "data" / "norms"
    with pytest.raises(FileNotFoundError):
        shipped("data/none")


def test_what_is_imported_is_a_declared_dependency() -> None:
    declared = {Requirement(each).name for each in PROJECT["project"]["dependencies"]}
    holders = packages_distributions()
    trees = [
        ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for name in files_under("cwmap", "geo", "app.py", "pages")
        if name.endswith(".py")
    ]
    imported = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"cwmap", "geo"}
    assert {"geopandas", "streamlit"} <= foreign
    undeclared = {
        name for name in foreign if not declared & {canonical(x) for x in holders.get(name, [name])}
    }
    assert undeclared == set()


def locked() -> dict[str, Version]:
    pins = re.findall(r"^([a-z0-9-]+)==([^ ]+)(?: ; .*?)? \\$", LOCK, flags=re.MULTILINE)
    return {name: Version(version) for name, version in pins}


def test_the_lock_fits_the_project() -> None:
    pins = locked()
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted += PROJECT["tool"]["uv"]["constraint-dependencies"]
    for requirement in map(Requirement, wanted):
        assert pins[requirement.name] in requirement.specifier, requirement


def test_the_lock_pins_with_hashes_and_names_no_place() -> None:
    lines = [line for line in LOCK.splitlines() if not line.lstrip().startswith("#")]
    pins = [line for line in lines if not line.startswith(" ")]
    assert len(pins) == len(locked()) > 50  # each line that starts an entry is an exact pin
    assert all(
        re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", x) for x in set(lines) - {*pins}
    )
    assert not re.search(r"--(index|extra|find|trusted)|://|file:|/(opt|home|work|tmp)/", LOCK)
    assert "uv" not in locked()
