"""The map as one file that opens anywhere, without this server and without a network."""

from __future__ import annotations

from html import escape

import folium
from branca.element import Element

from cwmap.captions import SYNTHETIC, filter_caption
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui.assets import standalone_html
from cwmap.ui.legend import swatches
from cwmap.ui.look import Look
from cwmap.ui.map import Call, base_map, paint_state, unserved

_STYLE = """<style>
.cw-saved{position:fixed;z-index:900;left:14px;padding:10px 16px;border-radius:10px;color:#22292d;
background:rgba(255,255,255,.94);box-shadow:0 2px 12px rgba(20,30,34,.18);font-family:inherit}
.cw-saved h1{font-size:20px;margin:0}.cw-saved p{margin:2px 0 0;font-size:13px;color:#687177}
.cw-saved em.badge{font-style:normal;font-size:13px;color:#8a4b00;background:#ffe9c7;border-radius:5px;
padding:1px 8px;margin-left:10px}
.cw-swatches{display:flex;width:300px;margin-top:6px}.cw-swatches span{flex:1}
.cw-swatches i{display:block;height:12px;background:var(--light)}
.cw-swatches em{font-style:normal;font-size:12px;display:block;
transform:translateX(-50%);width:max-content}.cw-legend small{margin-left:8px;color:#687177}
body{font-family:"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
</style>"""


def saved_map(town: Town, question: Filter, look: Look) -> str:
    """One HTML page with the map as it is looked at, its title, filter, date and legend."""
    m = base_map(town, served=False)
    m.add_child(Call("paint", unserved(town, paint_state(town, question, look), "light")))
    figure = m.get_root()
    assert isinstance(figure, folium.Figure)
    badge = f'<em class="badge">{SYNTHETIC}</em>' if town.settings.synthetic else ""
    title = f"{town.settings.name} 创卫一张图"
    figure.header.add_child(Element(f"<title>{escape(title)}</title>{_STYLE}"))
    figure.html.add_child(
        Element(
            f'<div class="cw-saved" style="top:14px"><h1>{escape(title)}{badge}</h1>'
            f"<p>{escape(filter_caption(town, question))}</p><p>数据截至 {town.as_of}</p></div>"
            f'<div class="cw-saved" style="bottom:14px">{swatches(town, question, look)}</div>'
        )
    )
    return standalone_html(m)
