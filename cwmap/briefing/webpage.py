"""A brief as a web page: one file that needs no network, with its styles and pictures inside."""

from __future__ import annotations

import base64
from html import escape

from cwmap.briefing.parts import SYNTHETIC_WORDS, Brief, Figure, Pair, Section, Table
from cwmap.drawing.lettering import legible
from cwmap.drawing.sheet import Sheet, height_mm
from cwmap.shipped import shipped

WIDTH_MM, TALLEST_MM = 240.0, 200.0
_LETTERING = 1.1


def html(found: Brief) -> bytes:
    """The whole page, UTF-8. Text is escaped; nothing in it runs."""
    style = shipped("data/print/brief.css").read_text(encoding="utf-8")
    badge = '<span class="badge">示例</span>' if found.synthetic else ""
    sections = "".join(_section(section) for section in found.sections)
    notes = "".join(f"<li>{_text(note)}</li>" for note in found.notes)
    warned = f"<b>{SYNTHETIC_WORDS}</b>　" if found.synthetic else ""
    page = (
        '<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{_text(found.title)} {_text(found.period)}</title><style>{style}</style></head><body>"
        f"<header><div><h1>{_text(found.title)}</h1><p>{_text(found.town)}　{_text(found.period)}</p></div>"
        f"<div>{badge}<p>{_text(found.issuer)}<br>{found.issued}</p></div></header>"
        f'<main><p class="caption">筛选条件：{_text(found.caption)}</p>{sections}'
        f'<section class="notes"><h2>口径说明</h2><ol>{notes}</ol></section></main>'
        f"<footer>{warned}{_text(found.review)}　数据截至 {found.as_of}</footer></body></html>\n"
    )
    return page.encode()


def _section(section: Section) -> str:
    return "".join(
        (
            f'<section id="{section.key}"><h2>{_text(section.heading)}</h2>',
            f'<p class="lead">{_text(section.sentence)}</p>',
            _figures(section.figures),
            "".join(f"<p>{_text(point)}</p>" for point in section.points),
            _map(section.map, section.heading) if section.map else "",
            _table(section.table) if section.table else "",
            "".join(map(_pair, section.photos)),
            "</section>",
        )
    )


def _figures(figures: tuple[Figure, ...]) -> str:
    cards = "".join(
        f'<div class="{figure.tone}"><span>{_text(figure.label)}</span>'
        f"<b>{_text(figure.value)}</b><i>{_text(figure.unit)}</i><small>{_text(figure.note)}</small></div>"
        for figure in figures
    )
    return f'<div class="figures">{cards}</div>' if cards else ""


def _table(table: Table) -> str:
    def cells(tag: str, texts: tuple[str, ...]) -> str:
        return "".join(
            f"<{tag}{' class=number' if column.number else ''}>{_text(text)}</{tag}>"
            for column, text in zip(table.columns, texts, strict=True)
        )

    head = cells("th", tuple(column.header for column in table.columns))
    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    more = f'<p class="caption">另有 {table.more:,} 行未列出，见看板。</p>' if table.more else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _map(sheet: Sheet, heading: str) -> str:
    tall = height_mm(sheet.town, WIDTH_MM, TALLEST_MM, _LETTERING)
    drawing = base64.b64encode(sheet.svg(WIDTH_MM, tall, _LETTERING).encode()).decode()
    return (
        f'<img class="map" src="data:image/svg+xml;base64,{drawing}" alt="{_text(heading)}的地图">'
    )


def _pair(pair: Pair) -> str:
    sides = "".join(
        f'<div><img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{words}">'
        f"<span>{words}</span></div>"
        for words, jpeg in (("整治前", pair.before), ("整治后", pair.after))
    )
    return f'<figure><div class="pair">{sides}</div><figcaption>{_text(pair.caption)}</figcaption></figure>'


def _text(text: str) -> str:
    return escape(legible(text))
