"""Where to put the next sites: 200 candidates, 3,000 places of demand; and a pin that is moved.

    python benchmarks/siting.py [candidates] [places]

A town of 8 by 8 km: people in clusters, candidates anywhere, 500 m as the crow flies. Prints what
HiGHS proves beside the greedy way, and the smallest number of sites for everyone; then how long a
moved pin takes: finding what it reaches over a network of lanes, and what that changes.
"""

import sys
import time
from statistics import median
from typing import Any

import numpy as np
import shapely

from geo.network import Network
from geo.siting import Standing, maximal_covering, set_covering
from geo.walking import pairs, snap

SIDE_M = 8_000
RADIUS_M = 500


def taken(call: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def town(candidates: int, places: int) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(6)
    centres = random.uniform(0, SIDE_M, (40, 2))
    homes = centres[random.integers(0, 40, places)] + random.normal(0, 600, (places, 2))
    return random.uniform(0, SIDE_M, (candidates, 2)), homes, random.integers(1, 200, places)


def lanes() -> Network:
    across = np.arange(0, SIDE_M + 1, 80.0)
    ways = [shapely.LineString([(0, y), (SIDE_M, y)]) for y in across]
    ways += [shapely.LineString([(x, 0), (x, SIDE_M)]) for x in across]
    return Network.build(ways, crossings=True)


def main() -> None:
    candidates, places = (int(word) for word in (sys.argv[1:3] or ("200", "3000")))
    sites, homes, people = town(candidates, places)
    covers = np.hypot(*(homes[:, None] - sites[None]).transpose(2, 0, 1)) <= RADIUS_M
    print(f"{candidates} candidates, {places:,} places, {people.sum():,} people")
    print(f"{'new sites':<10}{'covered':>10}{'at most':>12}{'gap':>10}{'s':>8}{'greedy s':>10}"
          f"{'greedy covers':>15}")  # fmt: skip
    for number in (5, 10, 20, 40, 80):
        seconds, plan = taken(lambda n=number: maximal_covering(covers, people, sites=n))
        quick, greedy = taken(
            lambda n=number: maximal_covering(covers, people, sites=n, time_limit_s=0)
        )
        print(f"{number:<10}{plan.covered:>10,.0f}{plan.bound:>12,.1f}{plan.gap:>10.2e}"
              f"{seconds:>8.2f}{quick:>10.2f}{greedy.covered / plan.covered:>15.4f}")  # fmt: skip
    seconds, plan = taken(lambda: set_covering(covers, people))
    print(f"everyone within reach of any: {len(plan.sites)} sites, {plan.bound:.0f} at least, "
          f"{seconds:.2f} s; {len(plan.uncoverable):,} places out of reach")  # fmt: skip

    network = lanes()
    origins = snap(network, *homes.T, limit_m=300)
    standing_sites = snap(network, *sites[:40].T, limit_m=300)
    cost = pairs(network, origins, standing_sites, RADIUS_M).dense()
    standing = Standing.of(cost, people, limit=RADIUS_M)
    print(f"a moved pin among 40 sites on {len(network.start):,} edges, {standing.covered:,.0f} in")

    def move(place: Any) -> float:
        pin = snap(network, [place[0]], [place[1]], limit_m=300)
        there = pairs(network, origins, pin, RADIUS_M).dense()[:, 0]
        return standing.moved(3, there).covered

    def anew(place: Any) -> float:
        moved = sites[:40].copy()
        moved[3] = place
        pins = snap(network, *moved.T, limit_m=300)
        table = pairs(network, origins, pins, RADIUS_M).dense()
        return float(people[(table <= RADIUS_M).any(axis=1)].sum())

    move(sites[0])  # builds what is kept
    first, second = [], []
    for place in sites[40:60]:
        seconds, covered = taken(lambda p=place: move(p))
        first.append(seconds)
        seconds, expected = taken(lambda p=place: anew(p))
        second.append(seconds)
        assert covered == expected
    ours, theirs = median(first), median(second)
    print(f"{1000 * ours:.1f} ms, worst {1000 * max(first):.1f} ms; "
          f"all sites anew: {1000 * theirs:.1f} ms ({theirs / ours:.1f}x), the same answers")  # fmt: skip


if __name__ == "__main__":
    main()
