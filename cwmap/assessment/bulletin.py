"""The bulletin of a day (督导通报): what was found, by community, unit and item, and in sentences."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import between, findings_of, visits
from cwmap.tables import INSPECTIONS, UNIT_KIND
from cwmap.town import Town


@dataclass(frozen=True)
class Bulletin:
    """One day. visits: as `Visits.frame`; findings: as `findings_of`.

    by_community, by_unit: index community_id (or "") and unit (or its text); name, visits, findings,
    points, score. by_item: index item; findings, points. The costliest first.
    sentences: the whole bulletin in words. problems: of the day's records.
    """

    day: date
    visits: pd.DataFrame
    findings: pd.DataFrame
    by_community: pd.DataFrame
    by_unit: pd.DataFrame
    by_item: pd.DataFrame
    sentences: tuple[str, ...]
    problems: pd.DataFrame


def bulletin(town: Town, rules: Rules, day: date) -> Bulletin:
    """The bulletin of a day; an empty one says that there was no inspection."""
    seen = visits(town, rules)
    chosen = between(seen, day, day)
    found = findings_of(seen, chosen)
    chosen = chosen.assign(points=seen.cost.loc[chosen.index].to_numpy())
    names = town.layers["communities"]["name"].to_dict()
    home = chosen["community_id"].map(names).where(chosen["community_id"].notna(), "未知社区")
    by_item = (
        found[~found["bonus"]]
        .groupby("item")[["findings", "points"]]
        .sum()
        .sort_values(["points", "findings", "item"], ascending=[False, False, True])
    )
    problems = seen.problems[seen.problems["day"] == pd.Timestamp(day)].reset_index(drop=True)
    unit = chosen["unit"].where(chosen["unit"].notna(), chosen["name"])
    frames = _by(chosen, chosen["community_id"].fillna(""), home), _by(chosen, unit, chosen["name"])
    return Bulletin(
        day, chosen, found, *frames, by_item,
        _sentences(day, chosen, found, *frames, by_item, len(problems)), problems,
    )  # fmt: skip


def _by(chosen: pd.DataFrame, key: pd.Series, name: pd.Series) -> pd.DataFrame:
    at, keys = pd.factorize(key.to_numpy(object), sort=True)
    called = dict(zip(key, name, strict=True))
    visits, points = np.bincount(at), np.bincount(at, chosen["points"])
    frame = pd.DataFrame(
        {
            "name": [called[k] for k in keys], "visits": visits,
            "findings": np.bincount(at, chosen["findings"]).astype(int), "points": points.round(2),
            "score": (np.bincount(at, chosen["score"]) / visits).round(2),
        },
        index=pd.Index(keys, dtype=object),
    )  # fmt: skip
    return frame.iloc[np.argsort(-points, kind="stable")]


def _sentences(
    day: date, chosen: pd.DataFrame, found: pd.DataFrame, by_community: pd.DataFrame,
    by_unit: pd.DataFrame, by_item: pd.DataFrame, problems: int,
) -> tuple[str, ...]:  # fmt: skip
    title = f"{day.month}月{day.day}日"
    if chosen.empty:
        return (f"{title}没有检查记录。",)
    clean = int((chosen["findings"] == 0).sum())
    head = (
        f"{title}检查 {len(chosen)} 次、{len(by_unit)} 个单元，发现问题 {chosen['findings'].sum()} 处，"
        f"扣 {chosen['points'].sum():g} 分；{clean} 次没有发现问题。"
    )
    lines = [head]
    if len(by_item):
        top = [f"{i}（{n:g} 处）" for i, n in by_item["findings"].head(3).items()]
        lines.append(f"问题较多的是{'、'.join(top)}。")
    lines += [
        f"{row.name}：检查 {row.visits} 次，{row.findings} 处，扣 {row.points:g} 分。"
        for row in by_community.itertuples()
        if row.findings
    ]
    mine: dict[int, list[Any]] = defaultdict(list)
    for one in found.itertuples():
        mine[one.visit].append(one)
    lines += [_visit(row, mine[row.Index]) for row in chosen.itertuples()]
    if problems:
        lines.append(f"另有 {problems} 处记录填写有误，见清单。")
    return tuple(lines)


def _visit(row: Any, found: list[Any]) -> str:
    """One visit in a sentence: 文明巷（巷道，日督导，09:05）78.5 分：暴露垃圾 3 处扣 9 分、…"""
    level = INSPECTIONS["level"].shown(row.level)
    kind = UNIT_KIND.shown(row.kind) if isinstance(row.kind, str) else "类别不明"
    head = f"{row.name}（{kind}，{level}，{row.inspected_at:%H:%M}）"
    score = f"{row.score:g} 分" if pd.notna(row.score) else "未评分"
    parts = [
        f"{one.item} {one.findings:g} 处{'加' if one.points < 0 else '扣'} {abs(one.points):g} 分"
        f"{'（到上限）' if one.capped else ''}"
        for one in found
    ]
    broken = [one.item for one in found if pd.notna(one.red_line)]
    red = f"；触碰红线：{'、'.join(broken)}" if broken else ""
    return f"{head}{score}：{'、'.join(parts) or '没有发现问题'}{red}。"
