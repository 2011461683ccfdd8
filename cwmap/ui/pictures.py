"""Photos of the workspace on a page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from cwmap import photos, server


def images(names: Iterable[str], alt: str) -> str:
    """The photos of these names that the workspace has, as HTML; empty for none."""
    folder = server.workspace_folder()
    return "".join(
        f'<img src="cwmap/photos/{escape(name)}" alt="{alt}" loading="lazy">'
        for name in names
        if photos.path(folder, name)
    )
