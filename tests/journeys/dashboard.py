"""A dashboard in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cwmap.store import Workspace
from cwmap.town import Town, open_town

HOME = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """A dashboard in a process of its own."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def town(self) -> Town:
        """The served workspace as this process reads it."""
        return open_town(self.workspace())

    def workspace(self) -> Workspace:
        return Workspace.open(self.folder)

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/cwmap/health", timeout=20) as answer:
            facts: dict[str, Any] = json.load(answer)
        return facts


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[Served]:
    """`cwmap serve` from a folder that is not the project's, until it answers; ended by handle."""
    port = free_port()
    command = [sys.executable, "-m", "cwmap.cli", "serve", "-w", str(folder), "--port", str(port)]
    url = f"http://{HOME}:{port}"
    with answering(command, f"{url}/cwmap/health", scratch) as process:
        yield Served(url, folder, process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOME, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def answering(command: list[str], url: str, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, from when it answers at `url`; ended by handle."""
    log = scratch / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=scratch, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"no answer from {url}:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except OSError:
        return False
