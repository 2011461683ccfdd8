"""The features interface for people: what it offers, and how QGIS is given it."""

from __future__ import annotations

from html import escape

from cwmap.captions import SYNTHETIC
from cwmap.town import Town
from cwmap.writers.layers import LAYERS

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.7 "Microsoft YaHei","Noto Sans CJK SC",sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
code{background:#8882;padding:.1em .4em;border-radius:4px;word-break:break-all}
td{padding:.2rem 1.2rem .2rem 0}a{color:#0f6e6e}
@media(prefers-color-scheme:dark){a{color:#58c7b8}}
"""


def page(town: Town, base: str) -> str:
    """The page of the interface at the address `base`."""
    title = f"{town.settings.name} 创卫一张图：实时图层"
    mark = f"（{SYNTHETIC}）" if town.settings.synthetic else ""
    address = escape(base)
    rows = "".join(
        f'<tr><td>{escape(label)}</td><td><a href="{address}/collections/{name}/items?limit=10">'
        f'{name}</a></td><td><a href="{address}/collections/{name}/schema">字段</a></td></tr>'
        for name, label in LAYERS.items()
    )
    return f"""<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title + mark)}</title><style>{_STYLE}</style>
<h1>{escape(title + mark)}</h1>
<p>数据截至 {town.as_of}，版本 {town.revision}。图层随数据更新，只能读，不含电话等个人信息。</p>
<h2>在 QGIS 里使用</h2>
<p>“图层”→“添加图层”→“添加 WFS / OGC API - Features 图层”→“新建”，地址填
<code>{address}</code>，版本选“OGC API - Features”，连接后选图层。</p>
<p>或下载<a href="{address}/qgis.qlr">图层定义 cwmap.qlr</a>，拖进 QGIS：
全部图层一次加好，颜色、中文字段名与页面相同。</p>
<h2>图层</h2><table>{rows}</table>
<h2>筛选</h2>
<p>在图层地址后面写条件，如
<code>{address}/collections/lanes/items?from=2026-03-01&amp;to=2026-03-31&amp;category=road</code>；
也可用 <code>bbox</code>、<code>datetime</code>、<code>limit</code>、<code>offset</code>、字段名和 CQL2 条件，如
<code>{address}/collections/lanes/items?filter=reports BETWEEN 10 AND 20</code>。</p>
<p><a href="{address}/api">接口描述（OpenAPI）</a>　<a href="{address}/conformance">遵循的标准</a></p>
</html>"""
