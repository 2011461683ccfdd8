"""Where the next facilities serve most (设施选址): maximal covering and set covering.

`maximal_covering` (MCLP, 最大覆盖; Church & ReVelle 1974): with p new sites, cover as much demand
as can be. `set_covering` (LSCP, 集合覆盖; Toregas et al. 1971): with as few new sites as can be,
cover all that can be covered. Both are solved by HiGHS through scipy, which proves how far from
the best the answer can be at most: `Plan.bound`. Where its time runs out, the better one of its
answer and the greedy one is given, with the best bound that was proven.

`Standing` is for a pin that is moved on a map: what is covered with one site elsewhere, without
solving anything.

Demand comes in rows, sites in columns: `covers = geo.walking.pairs(…).dense() <= limit`. The same
input has the same answer; which one of equally good plans it is, the solver decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from geo.grid import Floats, Integers

Bools = npt.NDArray[np.bool_]

TIME_LIMIT_S = 8.0
PROVEN = 1e-6  # relative gap up to which an answer is the best one: HiGHS's own tolerance


@dataclass(frozen=True, eq=False)
class Plan:
    """New sites and what they are good for."""

    sites: Integers  # new sites (columns), each time the one of them that adds most
    gain: Floats  # demand that each adds to what the fixed ones and those before it cover
    covered_before: float  # demand within reach of the fixed sites
    covered: float  # demand within reach of the fixed and the new sites
    total: float  # all demand
    uncoverable: Integers  # rows that no site reaches
    bound: float  # proven: no plan covers more; set covering: needs fewer new sites
    gap: float  # how much better a plan may exist, as a share of the better one: 0 is exact

    @property
    def proven(self) -> bool:
        """Whether there is no better plan."""
        return self.gap <= PROVEN


def maximal_covering(
    covers: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    sites: int,
    fixed: npt.ArrayLike = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Plan:
    """The `sites` new sites that, together with the fixed ones, cover most demand.

    covers: (demand, sites) bool. weight: (demand,), 1 each if left out. fixed: columns of sites
    that stand already. The plan has fewer sites where more would add nothing.
    """
    if sites < 0:
        raise ValueError(f"sites must not be negative, not {sites}")
    problem = _Problem.of(covers, weight, fixed)
    chosen, bound = problem.greedy(problem.weight, sites)
    best = problem.covered_by(chosen)
    if best < bound * (1 - PROVEN):
        found = _solve_maximal(problem, sites, time_limit_s)
        if found.mip_dual_bound is not None:
            bound = min(bound, -float(found.mip_dual_bound) * problem.weight.max())
        solved = _chosen(found, len(problem.sites))
        if solved is not None and problem.covered_by(solved) > best:
            chosen, best = solved, problem.covered_by(solved)
    chosen, gain = problem.in_order(chosen, for_nothing=False)
    bound = problem.before + max(bound, best)
    gap = max(0.0, 1 - (problem.before + best) / bound) if bound > 0 else 0.0
    return problem.plan(chosen, gain, bound, gap)


def set_covering(
    covers: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    fixed: npt.ArrayLike = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Plan:
    """As few new sites as can be that, with the fixed ones, cover all that can be covered.

    Arguments as for `maximal_covering`. Demand of weight 0 is covered, too. What no site reaches
    is in `Plan.uncoverable`.
    """
    problem = _Problem.of(covers, weight, fixed)
    groups, columns = problem.matrix.shape
    chosen, _ = problem.greedy(np.ones(groups), columns)
    # So many at least, if even the largest sites did not overlap.
    largest = np.sort(problem.matrix.sum(axis=0))[::-1]
    bound = int(np.searchsorted(np.cumsum(largest), groups)) + 1 if groups else 0
    if len(chosen) > bound:
        found = milp(
            np.ones(columns),
            integrality=np.ones(columns),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(problem.matrix, lb=1),
            options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
        )
        if found.mip_dual_bound is not None and math.isfinite(found.mip_dual_bound):
            bound = max(bound, math.ceil(found.mip_dual_bound - PROVEN))
        solved = _chosen(found, columns)
        if solved is not None and problem.covers_all(solved) and len(solved) < len(chosen):
            chosen = solved
    chosen, gain = problem.in_order(chosen, for_nothing=True)
    gap = 1 - bound / len(chosen) if chosen else 0.0
    return problem.plan(chosen, gain, bound, gap)


def _solve_maximal(problem: _Problem, sites: int, time_limit_s: float) -> OptimizeResult:
    """Maximise the sum of weight * y: y of a group, x of a site, y <= sum of the x that cover it.

    Only the x need to be whole numbers; the y of a best solution then are by themselves.
    """
    groups, columns = problem.matrix.shape
    is_site = np.repeat([1, 0], [columns, groups])
    reached = scipy.sparse.hstack([problem.matrix, -scipy.sparse.eye_array(groups)])
    value = np.concatenate([np.zeros(columns), problem.weight / problem.weight.max()])
    return milp(
        -value,
        integrality=is_site,
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(reached, lb=0),
            LinearConstraint(is_site[None, :], ub=sites),
        ],
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )


def _chosen(found: OptimizeResult, columns: int) -> list[int] | None:
    """The columns of HiGHS's best solution so far, if there is one."""
    return None if found.x is None else np.flatnonzero(found.x[:columns] > 0.5).tolist()


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is left to decide: demand that fixed sites do not cover but others can.

    Rows that the same sites cover are one group. Columns are numbers into `sites`.
    """

    covers: Bools  # (rows, all sites) as given
    row_weight: Floats
    before: float  # demand that fixed sites cover
    open: Bools  # (rows,) demand that they do not
    sites: Integers  # (columns,) positions of the sites that are not fixed
    matrix: scipy.sparse.csr_array  # (groups, columns) of 0 and 1
    weight: Floats  # (groups,)

    @classmethod
    def of(
        cls, covers: npt.ArrayLike, weight: npt.ArrayLike | None, fixed: npt.ArrayLike
    ) -> _Problem:
        table = np.asarray(covers)
        if table.ndim != 2 or table.dtype != bool:
            raise ValueError("covers must be a 2-d table of bools")
        weights = _checked_weight(weight, len(table))
        stands = np.zeros(table.shape[1], dtype=bool)
        columns = np.asarray(fixed, dtype=np.intp)
        if not ((columns >= 0) & (columns < table.shape[1])).all():
            raise ValueError("fixed must be columns of covers")
        stands[columns] = True
        free = np.flatnonzero(~stands)
        left = np.asarray(~table[:, stands].any(axis=1))
        rows = np.flatnonzero(left & table[:, free].any(axis=1))
        ways = table[np.ix_(rows, free)]
        _, first, group = np.unique(
            np.packbits(ways, axis=1), axis=0, return_index=True, return_inverse=True
        )
        matrix = scipy.sparse.csr_array(ways[first].astype(np.float64))
        together = np.zeros(len(first))
        np.add.at(together, group.ravel(), weights[rows])
        return cls(table, weights, float(weights[~left].sum()), left, free, matrix, together)

    def greedy(self, value: Floats, most: int) -> tuple[list[int], float]:
        """Columns, each the one that adds most (ties: the lowest), and a bound on any plan's sum.

        The bound: whatever was chosen, no plan of `most` sites has more than that and the
        `most` largest gains on top (submodularity; Nemhauser, Wolsey & Fisher 1978).
        """
        left, by_site = value.copy(), self.matrix.T.tocsr()
        chosen: list[int] = []
        bound = float(value.sum())
        while True:
            gain = by_site @ left
            largest = np.sort(gain)[::-1][:most].sum()
            bound = min(bound, float(value.sum() - left.sum() + largest))
            if len(chosen) == most or not len(gain) or gain.max() <= 0:
                return chosen, bound
            chosen.append(int(np.argmax(gain)))
            left[by_site[[chosen[-1]]].indices] = 0

    def covered_by(self, chosen: list[int]) -> float:
        """Weight of the groups that the chosen columns cover."""
        return float(self.weight[self._reached(chosen)].sum())

    def covers_all(self, chosen: list[int]) -> bool:
        """Whether the chosen columns cover every group."""
        return bool(self._reached(chosen).all())

    def _reached(self, chosen: list[int]) -> Bools:
        built = np.zeros(len(self.sites))
        built[chosen] = 1
        return np.asarray(self.matrix @ built > 0)

    def in_order(self, chosen: list[int], for_nothing: bool) -> tuple[list[int], list[float]]:
        """The chosen columns, each time the one that adds most, and what each adds.

        for_nothing: keep also those that add no weight, as long as they add a row.
        """
        rest, order, gains = sorted(chosen), [], []
        left = self.open.copy()
        while rest:
            adds = self.covers[:, self.sites[rest]] & left[:, None]
            gain, rows = self.row_weight @ adds, adds.sum(axis=0)
            best = int(np.lexsort((-rows, -gain))[0])
            if not (rows[best] if for_nothing else gain[best]):
                break
            gains.append(float(gain[best]))
            left &= ~adds[:, best]
            order.append(rest.pop(best))
        return order, gains

    def plan(self, chosen: list[int], gain: list[float], bound: float, gap: float) -> Plan:
        """The answer."""
        return Plan(
            sites=self.sites[chosen],
            gain=np.array(gain),
            covered_before=self.before,
            covered=self.before + sum(gain),
            total=float(self.row_weight.sum()),
            uncoverable=np.flatnonzero(~self.covers.any(axis=1)),
            bound=float(bound),
            gap=gap,
        )


def _checked_weight(weight: npt.ArrayLike | None, rows: int) -> Floats:
    weights = np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != (rows,) or not ((weights >= 0) & (weights < np.inf)).all():
        raise ValueError("weight must be finite, not negative, and one for each row of demand")
    return weights


@dataclass(frozen=True, eq=False)
class Change:
    """What moving, adding or removing one site does."""

    cost: Floats  # (rows,) of reaching the nearest site afterwards
    covered: float  # demand within the limit afterwards
    gained: Integers  # rows that come within the limit
    lost: Integers  # rows that drop out of it


@dataclass(frozen=True, eq=False)
class Standing:
    """Sites that stand, ready to tell what moving one of them changes."""

    cost: Floats  # (demand, sites), inf: not within reach; as `Pairs.dense()`
    weight: Floats  # (demand,)
    limit: float  # up to this cost demand is covered

    @classmethod
    def of(
        cls, cost: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, limit: float
    ) -> Standing:
        """cost: (demand, sites). weight: (demand,), 1 each if left out."""
        table = np.asarray(cost, dtype=np.float64)
        if table.ndim != 2 or np.isnan(table).any():
            raise ValueError("cost must be a 2-d table without NaN")
        return cls(table, _checked_weight(weight, len(table)), limit)

    @cached_property
    def _best_two(self) -> tuple[Integers, Floats, Floats]:
        """Each row's nearest site, the cost to it, and the cost to the nearest other one."""
        padded = np.pad(self.cost, ((0, 0), (0, 2)), constant_values=np.inf)
        first = np.argmin(padded, axis=1)
        every = np.arange(len(padded))
        nearest = padded[every, first].copy()
        padded[every, first] = np.inf
        return first, nearest, padded.min(axis=1)

    @property
    def covered(self) -> float:
        """Demand within the limit as things stand."""
        return float(self.weight[self._best_two[1] <= self.limit].sum())

    def moved(self, site: int | None, cost_there: npt.ArrayLike | None) -> Change:
        """What changes when a site stands elsewhere.

        site: its column; None: a further site. cost_there: (demand,) of reaching its new place,
        inf where that is beyond reach; None: it is taken away.
        """
        first, nearest, second = self._best_two
        if site is not None and not 0 <= site < self.cost.shape[1]:
            raise ValueError(f"there is no site {site}")
        cost = nearest if site is None else np.where(first == site, second, nearest)
        if cost_there is not None:
            there = np.asarray(cost_there, dtype=np.float64)
            if there.shape != cost.shape or np.isnan(there).any():
                raise ValueError("cost_there must be one number for each row of demand")
            cost = np.minimum(cost, there)
        was, now = nearest <= self.limit, cost <= self.limit
        return Change(
            cost=cost.copy(),
            covered=float(self.weight[now].sum()),
            gained=np.flatnonzero(now & ~was),
            lost=np.flatnonzero(was & ~now),
        )
