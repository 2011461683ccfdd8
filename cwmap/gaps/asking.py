"""What is asked of the gaps, in the words of a link: kind, norm, by, weight, spot, number, pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cwmap.filters import Filter
from cwmap.gaps import gaps
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.gaps import Gaps
from cwmap.town import Town

SHORT = {"market": "市场", "toilet": "公厕", "sorting_station": "收集点", "bin": "废物箱"}
_LAYERS = {"areas": "按片区", "communities": "按社区"}

Words = Mapping[str, str | None]


@dataclass(frozen=True)
class Asked:
    """An answer with what it was asked with.

    norms: as `weighed`. norm: of walking distance, None for a kind that has none. spot: id of the
    place of `judged.layer` in hand. words: those of the link, for what is asked of the sites.
    """

    norms: Norms
    norm: Norm | None
    judged: Gaps
    spot: str | None
    question: Filter
    words: Words

    @property
    def facility(self) -> Facility:
        """The kind that is judged."""
        return self.judged.facility

    @property
    def chosen(self) -> tuple[str, str | None]:
        """The layer that is judged, and the place of it in hand."""
        return self.judged.layer, self.spot


def asked(town: Town, norms: Norms, question: Filter, words: Words) -> Asked:
    """Words that mean nothing are left out. norms: as the office has them."""
    norms = weighed(norms, words)
    kind, used = facility(norms, words), norm(norms, words)
    key = used.key if used else None
    judged = gaps.gaps(town, norms, kind.kind, question, key, layer(town, words))
    spot = words.get("spot")
    return Asked(norms, used, judged, spot if spot in judged.frame.index else None, question, words)


def weighed(norms: Norms, words: Words) -> Norms:
    """The norms with the weight of people, in percent, that is asked for."""
    given = words.get("weight") or ""
    if not given.isdecimal() or int(given) > 100:
        return norms
    share = int(given) / 100
    return replace(norms, weights=replace(norms.weights, people=share, demand=1 - share))


def kinds(norms: Norms) -> dict[str, str]:
    """Facility kinds to choose from, by their short names, the usual one first."""
    return {kind: SHORT.get(kind, f.name) for kind, f in norms.facilities.items()}


def facility(norms: Norms, words: Words) -> Facility:
    """The kind that is asked for."""
    kind = words.get("kind")
    return norms.facilities[kind if kind in norms.facilities else next(iter(norms.facilities))]


def norm(norms: Norms, words: Words) -> Norm | None:
    """The norm of walking distance in use."""
    return facility(norms, words).radius(words.get("norm"))


def layers(town: Town) -> dict[str, str]:
    """Layers that can be judged, the usual one first."""
    return {name: label for name, label in _LAYERS.items() if len(town.layers[name])}


def layer(town: Town, words: Words) -> str:
    """The layer that is judged."""
    by = words.get("by")
    return by if by in layers(town) else gaps.judged_layer(town)
