"""Which unit answers for a category (派遣规则): a lead (主办) and its helpers (协办).

The rules are data: data/norms/routing.toml, or the town's own copy in its workspace, which takes
the shipped file's place as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cwmap import rulefile
from cwmap.norms import Categories

FILE = "routing.toml"


@dataclass(frozen=True)
class Route:
    """Who answers: one lead and its helpers, in the order of the rule."""

    lead: str
    helpers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Routing:
    """The rules in force, by category code or key of a group. Equal rules are equal and hash so."""

    rules: tuple[tuple[str, Route], ...]
    default: Route

    def route(self, code: str, categories: Categories) -> Route:
        """Who answers for a category: its own rule, else its group's, else the default."""
        known = dict(self.rules)
        return known.get(code) or known.get(categories.group_of(code).key) or self.default


def load(folder: Path | None, categories: Categories) -> Routing:
    """The rules of the workspace in `folder`, else the shipped ones; CwmapError names file and line."""
    return parse(*rulefile.read("派遣规则", FILE, folder), categories)


def parse(name: str, text: str, categories: Categories) -> Routing:
    """The rules of a text; `name` is what messages call it."""
    top = rulefile.parse(name, text)
    keys = [*(group.key for group in categories.groups), *categories.codes]
    rules: dict[str, Route] = {}
    for entry in top.entries("rule"):
        words = entry.words("for")
        unknown = [word for word in words if word not in keys]
        if unknown:
            entry.fail(f"没有“{unknown[0]}”这个类别代码或分组；请照类别表改正。", "for")
        if not words:
            entry.fail("for 是空的；请写明这条规则管哪些类别或分组。", "for")
        route = _route(entry)
        for word in words:
            if word in rules:
                entry.fail(f"“{word}”已在前面写过；请只写一次。", "for")
            rules[word] = route
        entry.done()
    default = top.entry("default")
    route = _route(default)
    default.done()
    top.done()
    return Routing(tuple(rules.items()), route)


def _route(entry: rulefile.Entry) -> Route:
    lead, helpers = entry.text("lead"), entry.words("helpers")
    if lead in helpers:
        entry.fail(f"“{lead}”既是主办又是协办；请去掉一处。", "helpers")
    return Route(lead, tuple(dict.fromkeys(word.strip() for word in helpers)))
