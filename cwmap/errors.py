"""What can go wrong in front of a user. Each message is one Chinese sentence with its remedy."""

from collections.abc import Mapping
from typing import Any


class CwmapError(Exception):
    """Base of every error that a user may see."""


class UnreadableFile(CwmapError):
    """A file that cannot be read as a table or a layer."""


class UnknownName(CwmapError):
    """A table, column, layer, category or format that does not exist."""


class NeedsAnswer(CwmapError):
    """Something that must not be guessed, such as the coordinate system of a file.

    candidates: the answers to choose from, as the command line takes them.
    evidence: what was seen, for a page that shows it before asking (see `cwmap.checks.georeference`).
    """

    def __init__(
        self,
        message: str,
        candidates: tuple[str, ...] = (),
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.candidates = candidates
        self.evidence = evidence or {}


class WorkspaceError(CwmapError):
    """A workspace that is missing, damaged, busy or of a newer version."""
