"""Fetch the scripts and styles that the maps need from npm into cwmap/ui/static/vendor.

The result is part of the project: who installs cwmap needs neither npm nor a network. `--check`
compares the folder with its manifest, offline. Files are taken as they are, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "cwmap" / "ui" / "static" / "vendor"
MANIFEST = "vendor.json"
LICENSES = "LICENSES.md"

# package@version: the files taken from its dist/ folder
PACKAGES = {
    "leaflet@1.9.4": (
        "leaflet.js",
        "leaflet.css",
        "images/layers.png",
        "images/layers-2x.png",
        "images/marker-icon.png",
        "images/marker-icon-2x.png",
        "images/marker-shadow.png",
    ),
    "leaflet.markercluster@1.5.3": (
        "leaflet.markercluster.js",
        "MarkerCluster.css",
        "MarkerCluster.Default.css",
    ),
}
LICENSE_NAMES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "MIT-LICENCE.txt")


def fetch(package: str, scratch: str) -> dict[str, bytes]:
    """The files of an npm package by their paths in it. npm itself checks the integrity."""
    packed = subprocess.run(
        [shutil.which("npm") or "npm", "pack", package, "--silent", "--pack-destination", scratch],
        capture_output=True,
        text=True,
        check=True,
    )
    with tarfile.open(Path(scratch) / packed.stdout.split()[-1]) as archive:
        return {
            member.name.removeprefix("package/"): archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }


def vendor(into: Path) -> None:
    """Build the whole folder: the files, their licences and the manifest."""
    packages = []
    licenses = ["# Third-party files in this folder", ""]
    for package, names in PACKAGES.items():
        name, version = package.rsplit("@", 1)
        with tempfile.TemporaryDirectory() as scratch:
            source = fetch(package, scratch)
        license_ = json.loads(source["package.json"])["license"]
        text = next(source[each] for each in LICENSE_NAMES if each in source)
        licenses += [
            f"## {name} {version}",
            "",
            f"Licence: {license_}",
            "",
            "```text",
            text.decode().replace("\r\n", "\n").strip(),
            "```",
            "",
        ]
        files = {}
        for each in names:
            file = into / name / each
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source[f"dist/{each}"])
            files[f"{name}/{each}"] = digest(file)
        packages.append({"name": name, "version": version, "license": license_, "files": files})
    write(into / LICENSES, "\n".join(licenses))
    write(into / MANIFEST, json.dumps(packages, indent=2) + "\n")


def write(file: Path, text: str) -> None:
    """Write UTF-8 with the same line ends on every system."""
    file.write_text(text, encoding="utf-8", newline="\n")


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def check(folder: Path) -> list[str]:
    """What differs from the manifest: changed, missing and unlisted files; the packages wanted."""
    packages = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    wanted = {f"{each['name']}@{each['version']}" for each in packages}
    problems = [f"not as in this script: {name}" for name in sorted(wanted ^ PACKAGES.keys())]
    listed = {name: sha for each in packages for name, sha in each["files"].items()}
    present = {
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    } - {MANIFEST, LICENSES}
    problems += [f"missing: {name}" for name in sorted(listed.keys() - present)]
    problems += [f"not in the manifest: {name}" for name in sorted(present - listed.keys())]
    problems += [
        f"changed: {name}"
        for name in sorted(present & listed.keys())
        if digest(folder / name) != listed[name]
    ]
    licenses = (folder / LICENSES).read_text(encoding="utf-8")
    problems += [
        f"no licence text: {each['name']} {each['version']}"
        for each in packages
        if f"## {each['name']} {each['version']}\n\nLicence: {each['license']}\n" not in licenses
    ]
    return problems


def main() -> int:
    """Rebuild the folder, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the manifest, offline")
    if not parser.parse_args().check:
        with tempfile.TemporaryDirectory(dir=VENDOR.parent) as fresh:
            vendor(Path(fresh) / "vendor")
            # Only a whole new folder takes the place of the old one.
            shutil.rmtree(VENDOR, ignore_errors=True)
            shutil.move(Path(fresh) / "vendor", VENDOR)
    problems = check(VENDOR)
    print("\n".join(problems) or f"{VENDOR.name}: as in the manifest")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
