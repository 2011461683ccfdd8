"""What each page asks of cwmap, for a town of 20,000 reports and 2,000 inspections: processor time a question.

Every question is new to the town (another day, another filter), so that nothing kept answers it; what
is made once for a revision is asked before. The base is the town's summary, measured in the same run
and in turn, so that the ratios hold on a slow machine too.

    PYTHONPATH=. python benchmarks/pages.py [rounds]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median

from cwmap import figures, sample
from cwmap.assessment import assessment, bulletin, revisits, rewards, scoring
from cwmap.duties import coverage, duties
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tasks import indicators, steps, tasks
from cwmap.town import Town, open_town

GOAL_MS = 50
Ask = Callable[[int], object]


def questions(town: Town, workspace: Workspace) -> dict[str, Ask]:
    """Name → the n-th new question of its kind."""
    rules, given, events = scoring.load(), rewards.load(), steps.events(workspace)
    last = town.as_of

    def period(n: int) -> Filter:
        return Filter(start=last - timedelta(days=90 + n), end=last - timedelta(days=n))

    return {
        "一张图 summary (base)": lambda n: figures.summary(town, period(n)),
        "责任 coverage": lambda n: coverage.coverage(town, last - timedelta(days=n)),
        "责任 labels": lambda n: duties.labels(town, "grid_officer", last - timedelta(days=n)),
        "责任 load": lambda n: duties.load(town, period(n), "cleaner"),
        "任务 counts": lambda n: tasks.counts(town, period(n)),
        "任务 listed": lambda n: tasks.listed(town, period(n), light=tasks.RED),
        "任务 on lanes": lambda n: tasks.on_lanes(town, replace(period(n), category=("garbage",))),
        "任务 indicators": lambda n: indicators.indicators(
            town, events, last - timedelta(days=40 + n), last - timedelta(days=n)
        ),
        "考核 day": lambda n: bulletin.bulletin(town, rules, last - timedelta(days=n)),
        "考核 week": lambda n: assessment.week(town, rules, last - timedelta(days=7 * n)),
        "考核 month": lambda n: assessment.month(
            town, rules, given, last - timedelta(days=31 * (n % 11))
        ),
        "考核 revisits": lambda n: revisits.plan(
            town, rules, last - timedelta(days=n), 12, ("lane", "market")
        ),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "town"
        sample.fill(place, reports=20_000, seed=1, days=540, step=lambda _text, _share: None)
        workspace = Workspace.open(place)
        town = open_town(workspace)
        asks = questions(town, workspace)
        for ask in asks.values():
            ask(200)  # what is made once
        took: dict[str, list[float]] = {name: [] for name in asks}
        for n in range(1, rounds + 1):
            for name, ask in asks.items():
                begin = time.process_time()
                ask(n)
                took[name].append(1000 * (time.process_time() - begin))
        base = median(took["一张图 summary (base)"])
        for name, times in took.items():
            middle = median(times)
            mark = "" if middle < GOAL_MS else f"  ABOVE {GOAL_MS} ms"
            print(f"{name:26} {middle:7.1f} ms  {middle / base:6.1f} x base{mark}")
        workspace.close()


if __name__ == "__main__":
    main()
