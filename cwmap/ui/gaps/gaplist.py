"""缺口: the figures at the top, the verdicts by priority, and the card of an area."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from cwmap.gaps import catchments
from cwmap.gaps.asking import Asked
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import VERDICTS, Gaps
from cwmap.gaps.homes import UNITS
from cwmap.town import Town
from cwmap.ui import cards, frame
from cwmap.ui.gaps import gapwords
from cwmap.ui.shown import Shown

_TEXT = {
    "gap": "red",
    "below_standard": "violet",
    "part": "orange",
    "met": "green",
    "unknown": "gray",
}


def metrics(judged: Gaps) -> None:
    """Who is served in the whole town, and how many areas are a gap."""
    row, unit = judged.town, UNITS[judged.unit]
    total = row["total"] or np.nan
    number = int((judged.frame["verdict"] == "gap").sum())
    where = "片区" if judged.layer == "areas" else "社区"
    names = _names(judged)
    cards = [
        (names[0], _share(row["of_standard"] / total), "good",
         f"{row['of_standard']:,.0f} / {row['total']:,.0f} {unit}",
         "在标准的步行距离（或间距）以内，有达标设施"),
        (names[1], _share(row["below_standard"] / total), "fair", f"{row['below_standard']:,.0f} {unit}",
         "标准以内有设施，但都没有达标"),
        (names[2], _share(row["beyond"] / total), "bad", f"{row['beyond']:,.0f} {unit}", "标准以内没有设施"),
        (f"缺口{where}", f"{number:,}", "bad" if number else "good", f"共 {len(judged.frame):,} 个{where}",
         "有服务的人不到一半的"),
    ]  # fmt: skip
    st.html(
        '<div class="cw-metrics cw-lights">'
        + "".join(
            f'<div class="cw-metric {key}" title="{escape(tip)}"><span>{name}</span><b>{big}</b>'
            f"<small>{escape(small)}</small></div>"
            for name, big, key, small, tip in cards
            if name
        )
        + "</div>"
    )


def _names(judged: Gaps) -> tuple[str, str, str]:
    """What those of standard, below it, and beyond are called; "" for what there cannot be."""
    if judged.unit == "side_m":
        return "间距符合", "", "间距超标"
    return "达标服务", "只有未达标", "没有服务"


def _share(value: float) -> str:
    return "—" if np.isnan(value) else f"{value:.0%}"


def panel(town: Town, now: Asked) -> None:
    """The card of the area in hand, else all verdicts."""
    if now.spot:
        card(town, now.norms, now.judged, now.spot)
    else:
        listing(now.judged)
        basis(now.judged)


def listing(judged: Gaps) -> None:
    """The verdicts, the most urgent first; each a click from its card."""
    unit = UNITS[judged.unit]
    st.html(
        f'<h3 class="cw-h">{escape(judged.facility.name)}：先补哪里<small>涉及{unit}</small></h3>'
    )
    steadiness(judged)
    with st.container(key="cw-tasks-gaps", gap=None):
        rows = zip(judged.frame.reset_index().to_dict("records"), judged.concerned, strict=True)
        for at, (row, short) in enumerate(rows):
            rank = f"{row['priority']}　" if row["priority"] else "　"
            st.button(
                f":{_TEXT[row['verdict']]}[●] {rank}{frame.plain(row['name'])} "
                f"*{VERDICTS[row['verdict']]}* **{short:,.0f}**",
                key=f"gap-{at}", width="stretch", type="tertiary",
                on_click=gapwords.choose_spot, args=(judged.layer, row[judged.frame.index.name or "index"]),
                kwargs={"fly": True},
            )  # fmt: skip
    first = judged.urgent.head(1)
    if len(first):
        st.html(f'<p class="cw-gap-said">{escape(first["reason"].iloc[0])}</p>')
        _next_button(str(first.index[0]), judged)


def steadiness(judged: Gaps) -> None:
    """How far the order depends on the weights."""
    steady = judged.steadiness
    if steady is None or not judged.facility.demand:
        return
    st.html(
        '<p class="cw-hint" title="权重逐步变动，重排一遍，看名次变不变">'
        f"人口权重在 {steady.low:.0%}—{steady.high:.0%} 之间变动时，"
        f"第一位不变的占 {steady.first_stays:.0%}，名次有变动的占 {steady.order_changes:.0%}</p>"
    )


def _next_button(place_id: str, judged: Gaps) -> None:
    words = "在图上找下一处" if judged.unit != "side_m" else "看缺在哪几段"
    st.button(
        words, key="w-next", type="primary", width="stretch", on_click=gapwords.next_site,
        args=(place_id,),
    )  # fmt: skip


def card(town: Town, norms: Norms, judged: Gaps, spot: str) -> None:
    """An area: its sentence, figures, supply, and where the next one belongs."""
    row = judged.frame.loc[spot]
    cards.closing(gapwords.choose_spot, (judged.layer, None))
    unit = UNITS[judged.unit]
    total = row["total"] or np.nan
    three = "".join(
        f'<div class="{key}"><b>{_share(row[name] / total)}</b><span>{label}<br>{row[name]:,.0f} {unit}</span></div>'
        for name, label, key in zip(
            ("of_standard", "below_standard", "beyond"), _names(judged), ("", "", "bad"), strict=True
        )
        if label
    )  # fmt: skip
    st.html(
        f'<div class="cw-card cw-gap-card"><h2>{escape(row["name"])}</h2><p><span class="cw-verdict {row["verdict"]}">'
        f"{VERDICTS[row['verdict']]}</span>"
        + (f" 优先级 {row['priority']}，优先分 {row['score']:.0f}" if row["priority"] else "")
        + f'</p><div class="cw-three">{three}</div><p class="cw-gap-said">{escape(row["reason"])}</p>'
        f"{_supply(town, norms, judged, spot)}</div>"
    )
    _next_button(spot, judged)
    basis(judged)


def _supply(town: Town, norms: Norms, judged: Gaps, spot: str) -> str:
    norm = judged.norms[0]
    key = norm.key if norm.measure == "radius" else None
    found = catchments.catchments(town, norms, judged.facility.kind, judged.layer, key)
    row = found.frame.loc[spot]
    density = row["facilities"] / (town.layers[judged.layer].loc[spot, "area_m2"] / 1e6)
    said = [("每平方公里", f"{density:.1f} 处")]
    said += [("", n.said) for n in judged.facility.of("density")]
    if not np.isnan(row["per_1000"]):
        said.append((f"每千人{found.what}", f"{row['per_1000']:.1f}"))
        said += [("", found.norm.said)] if found.norm else []
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        if name
        else f"<dd class='cw-fine'>{escape(value)}</dd>"
        for name, value in said
    )
    return f"<dl>{rows}</dl>"


def basis(judged: Gaps) -> None:
    """The norm in use with its source, and all that a reader must know."""
    sources = "".join(
        f"<li>{escape(n.said)}<br><small>出处：{escape(n.source)}</small></li>"
        for n in judged.norms
    )
    notes = "".join(f"<li>{escape(n)}</li>" for n in judged.notes if not n.startswith("采用的标准"))
    lost = len(judged.problems)
    warn = f'<p class="cw-gap-warn">{lost} 处设施没有计入，见下</p>' if lost else ""
    st.html(
        f'<div class="cw-gap-basis">{warn}<details{" open" if lost else ""}><summary>依据和口径</summary>'
        f"<ul>{sources}{notes}</ul></details></div>"
    )


def legend(shown: Shown) -> None:
    """What the colours of the cells mean, with their numbers."""
    assert shown.key
    codes = shown.state["cells"]["classes"]
    items = "".join(
        f'<li><i style="background:{dark if frame.theme() == "dark" else light}"></i>{escape(label)}'
        f"<span>{codes.count(str(at)):,}</span></li>"
        for at, (light, dark, label) in enumerate(shown.key.classes)
    )
    st.html(
        f'<div class="cw-legend cw-gap-legend"><b>{escape(shown.key.title)}</b><small>按网格</small>'
        f'<ul class="cw-classes">{items}</ul><p>{escape(shown.note)}</p></div>'
    )
