"""What is not for everybody's eyes."""

from __future__ import annotations

import re

_MOBILE = re.compile(r"(?<!\d)((?:\+?86[ -]?)?1\d{2})[ -]?\d{4}[ -]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}[- ]?\d{2,3})\d{3}(\d{2})(?!\d)")
# Division, day of birth up to 2019, order and check digit (GB 11643): no case number of these years.
_IDENTITY = re.compile(
    r"(?<!\d)([1-9]\d{5})(?:19\d\d|20[01]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(\d{3}[\dXx])(?!\d)"
)


def masked(text: object) -> str:
    """Phone and identity numbers without their middle digits (138****1234), wherever they stand."""
    if not isinstance(text, str):
        return ""
    text = _IDENTITY.sub(r"\1********\2", text)
    return _LANDLINE.sub(r"\1***\2", _MOBILE.sub(r"\1****\2", text))
