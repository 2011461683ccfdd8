"""缺口: where the next ones serve most, pins to move, and two plans side by side."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from cwmap import figures
from cwmap.gaps import siting, spacing
from cwmap.gaps.asking import Asked
from cwmap.gaps.facilities import Norm
from cwmap.gaps.homes import UNITS
from cwmap.gaps.siting import Placed, Proposal
from cwmap.town import Town
from cwmap.ui import frame, state, words
from cwmap.ui.gaps import gapwords

_STRETCHES = 40


@dataclass(frozen=True)
class Plans:
    """best: where the next ones serve most; own: the plan that the moved pins make, if any was moved."""

    best: Proposal
    own: Placed | None

    @property
    def shown(self) -> Placed:
        """The plan on the map."""
        return self.own or self.best.placed


def plans(town: Town, now: Asked, norm: Norm) -> Plans:
    """The best sites in the area in hand or anywhere, and what moved pins make of them."""
    best = siting.proposal(
        town, now.norms, now.facility.kind, sites=_number(now), norm_key=norm.key,
        area_id=now.spot, layer=now.judged.layer,
    )  # fmt: skip
    return Plans(best, _moved(town, now, norm, best))


def _number(now: Asked) -> int:
    """How many new sites are asked for."""
    given = now.words.get("number") or ""
    return min(max(int(given), 1), gapwords.MOST_SITES) if given.isdecimal() else now.norms.sites


def _moved(town: Town, now: Asked, norm: Norm, best: Proposal) -> Placed | None:
    head, _, tail = (now.words.get("pins") or "").partition("|")
    try:
        places = [
            (float(lon), float(lat)) for lat, _, lon in (p.partition(",") for p in tail.split(";"))
        ]
    except ValueError:
        return None
    if head != _of(now, norm) or len(places) != len(best.placed.frame):
        return None
    if not np.isfinite(places).all() or (np.abs(places) > [180, 90]).any():
        return None
    return siting.place(town, now.norms, now.facility, norm, places)


def _of(now: Asked, norm: Norm) -> str:
    """Which plan the pins of an address belong to."""
    return f"{now.facility.kind}.{norm.key}.{_number(now)}.{now.spot or ''}"


def move(now: Asked, norm: Norm, plan: Placed, told: str) -> None:
    """Take a pin that was moved: `told` as 2@33.39,104.92."""
    which, _, at = told.partition("@")
    places = [f"{row.lat:.6f},{row.lon:.6f}" for row in plan.frame.itertuples()]
    if which.isdecimal() and 1 <= int(which) <= len(places):
        places[int(which) - 1] = at
        words.choose("pins", f"{_of(now, norm)}|{';'.join(places)}")


def panel(town: Town, now: Asked, norm: Norm, plans: Plans) -> None:
    """How many, where, what each adds; beside it the plan of the moved pins."""
    judged, spot, best, own = now.judged, now.spot, plans.best, plans.own
    where = judged.frame.loc[spot, "name"] if spot else "全镇"
    st.html(
        f'<h3 class="cw-h">{escape(judged.facility.name)}：下一处放在哪里<small>{escape(where)}</small></h3>'
    )
    st.session_state["w-number"] = _number(now)
    st.slider(
        "新增几处", 1, gapwords.MOST_SITES, key="w-number", format="%d 处", label_visibility="collapsed",
        on_change=lambda: words.choose("number", str(st.session_state["w-number"])),
    )  # fmt: skip
    if spot:
        st.button(
            f"只在{frame.plain(where)}里选 ✕", key="w-anywhere", on_click=gapwords.choose_spot,
            args=(judged.layer, None),
        )  # fmt: skip
    if best.placed.frame.empty:
        st.html('<p class="cw-empty">再增加也服务不到更多人：备选点能到的地方都已有达标设施。</p>')
        return
    st.html(_table(best.placed, own))
    if own is None:
        st.html('<p class="cw-hint">拖动图上的图钉，方案二随即算出</p>')
    else:
        st.button("图钉放回算出的位置", key="w-back", on_click=words.choose, args=("pins", None))
    st.html(_by_place(town, now, norm, plans))
    st.html(
        f'<p class="cw-empty">{escape(best.said)}。</p><p class="cw-fine">{escape(norm.said)}</p>'
    )


def _table(best: Placed, own: Placed | None) -> str:
    unit = UNITS[best.unit]
    plans = [("方案一 算出的", best), *([("方案二 移动后的", own)] if own else [])]
    head = "".join(f"<th>{name}</th>" for name, _ in plans)
    rows = ""
    for at in range(len(best.frame)):
        cells = ""
        for _, plan in plans:
            row = plan.frame.iloc[at]
            what = siting.SOURCES[row["source"]]
            said = f"＋{row['adds']:,.0f} {unit}" if not row["problem"] else row["problem"]
            cells += f"<td>{escape(row['name'])}<small>{what}</small><b>{escape(said)}</b></td>"
        rows += f"<tr><th>{at + 1}</th>{cells}</tr>"
    total = "".join(
        f"<td><b>{plan.before / plan.total:.1%} → {plan.share:.1%}</b>"
        f"<small>＋{plan.after - plan.before:,.0f} {unit}</small></td>"
        for _, plan in plans
    )  # fmt: skip
    return f'<table class="cw-plans"><tr><th></th>{head}</tr>{rows}<tr class="sum"><th>合计</th>{total}</tr></table>'


def _by_place(town: Town, now: Asked, norm: Norm, plans: Plans) -> str:
    """The share served in each area: now, and with either plan, where it changes."""
    judged, own = now.judged, plans.own
    shares = [
        siting.shares_after(town, now.norms, now.facility, norm, judged.layer, plan)
        for plan in (None, plans.best.placed, *([own] if own else []))
    ]
    heads = ["现在", "方案一", *(["方案二"] if own else [])]
    changed = [i for i in judged.frame.index if any(s[i] - shares[0][i] > 5e-4 for s in shares[1:])]
    rows = "".join(
        f"<tr><th>{escape(judged.frame.loc[i, 'name'])}</th>"
        + "".join(f"<td>{s[i]:.0%}</td>" for s in shares)
        + "</tr>"
        for i in changed
    )
    head = "".join(f"<th>{h}</th>" for h in heads)
    return f'<table class="cw-plans"><tr><th>达标服务</th>{head}</tr>{rows}</table>' if rows else ""


def stretches(town: Town, now: Asked) -> None:
    """Where bins are missing along the lanes: the longest stretches, with the number to add."""
    facility = now.facility
    found = spacing.spacing(town, now.norms, facility)
    told = spacing.evidence(town, facility, now.question)
    st.html(
        f'<h3 class="cw-h">{escape(facility.name)}：缺 {found.add:,} 处'
        f"<small>{len(found.stretches):,} 段间距超标</small></h3>"
        '<p class="cw-hint">最长的在前；点一下在图上看。件数为这条路上的相关问题</p>'
    )
    with st.container(key="cw-tasks-gaps", gap=None):
        for at, row in enumerate(found.stretches.head(_STRETCHES).itertuples()):
            name = figures.place_name(town, "lanes", row.lane_id)
            reports = f"，{told[row.lane_id]:,} 件" if facility.demand else ""
            st.button(
                f"{frame.plain(name)}{spacing.SIDES[row.side]} *{row.length_m:,.0f} 米{reports}* **缺 {row.add}**",
                key=f"stretch-{at}", width="stretch", type="tertiary",
                on_click=state.go, args=("lanes", [row.lane_id]),
            )  # fmt: skip
    for note in found.notes:
        st.html(f'<p class="cw-fine">{escape(note)}</p>')
