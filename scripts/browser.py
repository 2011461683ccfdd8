"""The one place that knows where a Chromium lies: `python scripts/browser.py` finds or fetches it.

The tests that drive a browser ask `find()`. CWMAP_BROWSER names a browser outright. On Debian and
its kin, as root, a missing Chromium or Chinese font is installed; elsewhere one sentence says what
to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ON_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
ON_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
ON_WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
MISSING = (
    "没有找到浏览器，请安装 Chromium、Chrome 或 Edge，或用环境变量 CWMAP_BROWSER 指明它的位置。\n"
    "No browser found: install Chromium, Chrome or Edge, or name one in CWMAP_BROWSER."
)


def find() -> Path | None:
    """The browser to drive: the one in CWMAP_BROWSER, else on PATH, else in the usual places."""
    named = os.environ.get("CWMAP_BROWSER")
    if named:
        # A wrong name is a mistake to hear about, not a reason to take another browser.
        return Path(named) if Path(named).is_file() else None
    for name in ON_PATH:
        found = shutil.which(name)
        if found:
            return Path(found)
    roots = [os.environ[name] for name in WINDOWS_ROOTS if name in os.environ]
    places = [Path(place) for place in ON_MAC]
    places += [Path(root) / place for root in roots for place in ON_WINDOWS]
    return next((place for place in places if place.is_file()), None)


def has_chinese_font() -> bool:
    """True when fontconfig knows a font with Chinese; Windows and macOS always bring one."""
    if not sys.platform.startswith("linux"):
        return True
    if not shutil.which("fc-list"):
        return False
    listed = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, check=False)
    return bool(listed.stdout.strip())


def install(*packages: str) -> bool:
    """Install Debian packages when this is root on such a machine; True if it went well."""
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    return all(
        subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
        == 0
        for command in (["apt-get", "update", "-qq"], install)
    )


def main() -> int:
    """Print the browser's path; 1 and a sentence on stderr if there is none to be had."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a Windows console may not know all characters
    lacking = []
    if find() is None and "CWMAP_BROWSER" not in os.environ:
        lacking.append("chromium")
    if not has_chinese_font():
        lacking += ["fontconfig", "fonts-noto-cjk"]
    if lacking:
        install(*lacking)
    found = find()
    if found is None:
        print(MISSING, file=sys.stderr)
        return 1
    if not has_chinese_font():
        print(
            "没有中文字体，请安装一种（例如 fonts-noto-cjk）后重试。\n"
            "No Chinese font: install one (such as fonts-noto-cjk) first.",
            file=sys.stderr,
        )
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
