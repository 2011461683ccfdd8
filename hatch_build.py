"""Puts the files beside the packages into the wheel, where `cwmap.shipped` finds them."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = ("app.py", "pages", "data/norms", "data/print", "data/demo", ".streamlit/config.toml")


class ShippedFiles(BuildHookInterface[Any]):
    """Copies `SHIPPED` under cwmap/_shipped; an editable install uses the checkout's own files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to copy; the build fails if one of them is missing."""
        if version == "standard":
            build_data["force_include"].update({name: f"cwmap/_shipped/{name}" for name in SHIPPED})
