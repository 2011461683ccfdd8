"""Put everything cwmap needs into .venv in the project's root: `python scripts/bootstrap.py`.

Needs nothing but Python 3.11 or newer and works the same on Linux, Windows and macOS. A second run
finds its stamp and does nothing; a changed lock or pyproject, a moved folder or a run that was cut
short is put right. Kept readable for older Pythons, so that they too can say what is missing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
DONE = VENV / ".cwmap-setup"  # holds what the last whole run was made from
OLDEST = (3, 11)

# Asked of the Python in .venv: every distribution that lacks a file or part of one.
INSPECT = """
import importlib.metadata, pip
for each in importlib.metadata.distributions():
    for file in each.files or [None]:
        try:
            if file is None or file.size not in (None, file.locate().stat().st_size):
                raise OSError
        except OSError:
            if file is None or file.suffix != ".pyc":
                print(each.name)
                break
"""


def wanted() -> bytes:
    """One hash of all that the environment is made from, and of where it lies."""
    hashed = hashlib.sha256()
    for path in (ROOT / "requirements.lock", ROOT / "pyproject.toml"):
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    # The scripts in an environment name its place: a moved one has to be made again.
    hashed.update(str(VENV).encode())
    return hashed.hexdigest().encode()


def give_up(chinese: str, english: str) -> None:
    """One sentence in each language on stderr, then exit 1."""
    print(f"{chinese}\n{english}", file=sys.stderr)
    raise SystemExit(1)


def run(*command: str | Path) -> bool:
    """Run a command in the project's root with its output in view; True if it went well."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=False).returncode == 0


def newer_python() -> str:
    """This Python, or a newer one on PATH when this one is too old."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in (13, 12, 11):
        found = shutil.which(f"python3.{minor}")
        if found:
            return found
    give_up(
        "需要 Python 3.11 或更新的版本，请先安装后重试。",
        f"Python 3.11 or newer is needed (this is {sys.version.split()[0]}): install it first.",
    )
    raise AssertionError


def need_venv() -> None:
    """Make sure that this Python can make environments (Debian ships that part separately)."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python3.{sys.version_info[1]}-venv"
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if run("apt-get", "update", "-qq") and run(
            "apt-get", "install", "-y", "-qq", "--no-install-recommends", package
        ):
            return
    give_up(
        f"这个 Python 缺少 venv 模块，请先执行：sudo apt-get install {package}，再重试。",
        f"This Python cannot make environments: run `sudo apt-get install {package}` first.",
    )


def whole() -> bool:
    """True when .venv lies where it was made and no package in it is missing or half-copied."""
    try:
        made_as = (VENV / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
        broken = subprocess.run(
            [str(PYTHON), "-I", "-c", INSPECT], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    # The line that holds the command it was made with ends in its place.
    return not broken and any(line.endswith(f" {VENV}") for line in made_as.splitlines())


def build(want: bytes) -> None:
    """Make or mend the environment, then stamp it."""
    DONE.unlink(missing_ok=True)
    if not whole():
        need_venv()
        print("正在创建 .venv … / making .venv …", flush=True)
        if not run(sys.executable, "-m", "venv", "--clear", VENV):
            give_up(
                "无法创建 .venv，请检查磁盘空间和文件夹权限后重试。",
                "Cannot make .venv: check the disk space and the folder's permissions.",
            )
    print("正在安装组件，第一次需要几分钟 … / installing, minutes at first …", flush=True)
    pip = (PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if not run(*pip, "--require-hashes", "-r", "requirements.lock"):
        give_up(
            "组件没有装全，请检查网络（或单位的软件源设置）后重新运行。",
            "The packages could not be installed: check the network and run this again.",
        )
    if not run(*pip, "--no-deps", "--no-build-isolation", "-e", "."):
        give_up(
            "创卫一张图本身没有装上，请重新下载完整的项目文件夹后再运行。",
            "cwmap itself could not be installed: fetch the whole project folder anew.",
        )
    DONE.write_bytes(want)


def main() -> int:
    """Set the environment up unless the stamp says that it is."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not know all characters
            stream.reconfigure(errors="replace")
    python = newer_python()
    if python != sys.executable:
        return subprocess.call([python, str(Path(__file__).resolve())])
    want = wanted()
    if not (PYTHON.exists() and DONE.exists() and DONE.read_bytes() == want):
        build(want)
        print(f"准备就绪 / ready: {BIN / 'cwmap'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
