"""What is not for everybody's eyes."""

from __future__ import annotations

import re

_PHONE = re.compile(r"(?<!\d)(1\d{2})[ -]?\d{4}[ -]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}[- ]?\d{2,3})\d{3}(\d{2})(?!\d)")


def masked(text: object) -> str:
    """Phone numbers with their middle digits hidden (138****1234), wherever they stand in a text."""
    if not isinstance(text, str):
        return ""
    return _LANDLINE.sub(r"\1***\2", _PHONE.sub(r"\1****\2", text))
