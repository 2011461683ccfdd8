"""What people call a lane or a community, and which one a text means."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.norms import split_words

_NONE = -1
_COUNTING = "0-9a-z〇零一二三四五六七八九十百"


class LaneNames:
    """Lanes by their names and aliases, told apart by their community.

    Parameters
    ----------
    lanes : columns name, aliases, community_id; a lane is its position here
    communities : columns community_id, name
    """

    def __init__(self, lanes: pd.DataFrame, communities: pd.DataFrame) -> None:
        named = dict(zip(communities["community_id"], communities["name"], strict=True))
        self._lanes: dict[str, list[int]] = defaultdict(list)
        self._homes: list[set[str]] = []
        columns = (lanes[c] for c in ("name", "aliases", "community_id"))
        for at, (name, aliases, home) in enumerate(zip(*columns, strict=True)):
            words = [name, *(split_words(aliases) if isinstance(aliases, str) else ())]
            for word in dict.fromkeys(plain(w) for w in words):
                if word:
                    self._lanes[word].append(at)
            self._homes.append({same_community(home), same_community(named.get(home))} - {""})

    def find(
        self, lane: pd.Series, address: pd.Series, community: pd.Series,
        around: npt.NDArray[np.object_],
    ) -> npt.NDArray[np.int32]:  # fmt: skip
        """Position of the one lane that each row means, (n,); −1 for none or several.

        lane: an exact name or alias; where it is empty, the one lane that the address names.
        community (as stated), else around (id of the community that the report lies in), tells
        lanes of the same name apart.
        """
        texts = list(zip(lane, address, community, around, strict=True))
        known = {row: self._find(*row) for row in set(texts)} if self._lanes else {}
        return np.array([known.get(row, _NONE) for row in texts], np.int32)

    def _find(self, lane: object, address: object, community: object, around: object) -> int:
        home = same_community(community) or same_community(around)
        name = plain(lane)
        if name:
            return self._one(self._lanes.get(name, []), home)
        # An address that names two lanes (a crossing) means neither.
        words = self._pattern.findall(plain(address))
        meant = {self._one(self._lanes[word], home) for word in words}
        return meant.pop() if len(meant) == 1 else _NONE

    def _one(self, positions: Sequence[int], home: str) -> int:
        if len(positions) > 1 and home:
            positions = [p for p in positions if home in self._homes[p]]
        return positions[0] if len(positions) == 1 else _NONE

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Finds names in an address: the longest, so that 中山街东段 is not read as 中山街."""
        words = [w for w in self._lanes if len(w) > 1 and not w.isdigit()]
        words.sort(key=lambda w: (-len(w), w))
        return re.compile("|".join(map(_apart, words)) or r"(?!)")


def _apart(word: str) -> str:
    """A pattern for a word that is no part of a longer number: 3巷 is not in 13巷, nor 三巷 in 十三巷."""
    before = f"(?<![{_COUNTING}])" if re.match(f"[{_COUNTING}]", word) else ""
    after = f"(?![{_COUNTING}])" if re.search(f"[{_COUNTING}]$", word) else ""
    return before + re.escape(word) + after


def plain(text: object) -> str:
    """A name as it is compared: NFKC, lower case, without blanks; "" for what is no text."""
    return (
        "".join(unicodedata.normalize("NFKC", text).lower().split())
        if isinstance(text, str)
        else ""
    )


def same_community(text: object) -> str:
    """A community's name as it is compared: 中山街社区居委会 and 中山街 are the same."""
    name = plain(text)
    for ending in ("社区居委会", "居委会", "社区"):
        if name.endswith(ending) and name != ending:
            return name[: -len(ending)]
    return name
