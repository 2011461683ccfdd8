"""A moved pin, from its place to the shares of every area, in the demo town.

Prints milliseconds and what share of the budget of 300 ms they are. Run from the project's root:
`python -m benchmarks.gaps [WORKSPACE]`; without a workspace a demo town is made first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cwmap import sample
from cwmap.gaps import facilities, siting
from cwmap.store import Workspace
from cwmap.town import Town, open_town

BUDGET_MS = 300.0
MOVES = 60


def moves_ms(town: Town, kind: str, pins: int) -> np.ndarray:
    """Milliseconds of each move of one of some pins."""
    norms = facilities.load()
    facility = norms.facilities[kind]
    norm = facility.radius()
    assert norm
    plan = siting.proposal(town, norms, kind, sites=pins).placed.frame
    random = np.random.default_rng(0)
    took = []
    for _ in range(MOVES):
        at = [(lon, lat) for lon, lat in zip(plan["lon"], plan["lat"], strict=True)]
        which = random.integers(len(at))
        at[which] = (at[which][0] + random.normal(0, 0.003), at[which][1] + random.normal(0, 0.002))
        begin = time.perf_counter()
        placed = siting.place(town, norms, facility, norm, at)
        siting.shares_after(town, norms, facility, norm, "areas", placed)
        took.append(1000 * (time.perf_counter() - begin))
    return np.array(took)


def main(folder: Path) -> None:
    """Print a line for each kind and number of pins."""
    town = open_town(Workspace.open(folder))
    for kind in ("market", "toilet", "sorting_station"):
        for pins in (1, 12):
            took = moves_ms(town, kind, pins)
            print(
                f"{kind:16} {pins:2} pins: median {np.median(took):6.1f} ms, worst {took.max():6.1f} ms"
                f" = {took.max() / BUDGET_MS:.0%} of the budget"
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            sample.fill(
                Path(scratch, "town"), reports=2_000, seed=1, days=200, step=lambda _t, _s: None
            )
            main(Path(scratch, "town"))
