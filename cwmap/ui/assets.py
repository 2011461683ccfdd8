"""The scripts and styles of the maps, all from this computer.

Folium's maps name addresses of content networks; without an outside network such a map stays
blank, silently. `localize` puts local addresses in their place, keyed by Folium's own names for
them, and refuses whatever would still be asked of the network. `standalone_html` saves a map as
one file that asks for nothing.
"""

import base64
import hashlib
import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, normpath

import folium
from branca.colormap import ColorMap
from branca.element import CssLink, Element, Figure, JavascriptLink, Link, MacroElement
from folium.elements import JSCSSMixin
from folium.plugins import FastMarkerCluster
from folium.raster_layers import TileLayer, WmsTileLayer
from jinja2 import Template

ASSETS: Path = Path(__file__).resolve().parent / "static"
"""The one folder that the server hands out: `vendor/` and our own scripts beside it."""

BASE = "../../cwmap/assets/"
"""Where the server hands it out, as seen from streamlit-folium's frame under any base path."""

RESOURCES = {
    "leaflet": "vendor/leaflet/leaflet.js",
    "leaflet_css": "vendor/leaflet/leaflet.css",
    "markerclusterjs": "vendor/leaflet.markercluster/leaflet.markercluster.js",
    "markerclustercss": "vendor/leaflet.markercluster/MarkerCluster.css",
    "markerclusterdefaultcss": "vendor/leaflet.markercluster/MarkerCluster.Default.css",
}
"""Folium's name for a script or style → our file of it."""

LEFT_OUT = frozenset(
    {
        "jquery",
        "bootstrap",
        "bootstrap_css",
        "glyphicons_css",
        "awesome_markers",
        "awesome_markers_css",
        "awesome_markers_font_css",
        "awesome_rotate_css",
    }
)
"""Put on every map by Folium, used by nothing on ours; `localize` refuses what would use them."""

_ICONS = "vendor/leaflet/images/"
_REMOTE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_CSS_URL = re.compile(r"""url\(\s*(["']?)(.*?)\1\s*\)""", re.IGNORECASE)
# In a script: a remote source (within a tag, see `_in_tag`), or a remote image in a style.
_SOURCE = re.compile(
    r"""\b(?:src|srcset|poster|data|(href))\s*=\s*[\\"']*(?:https?:)?//""", re.IGNORECASE
)
_STYLE = re.compile(r"""\burl\(\s*[\\"']*(?:https?:)?//|@import\b""", re.IGNORECASE)


class UnvendoredAsset(RuntimeError):
    """A map would ask the network for something, or needs a script that we do not carry."""


@lru_cache
def _version(file: Path, _changed: float) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:8]


def asset_url(name: str, base: str = BASE) -> str:
    """The address of a file under ASSETS, with its content's hash, so that caches never go stale.

    `name` is relative to ASSETS, with forward slashes. Raises UnvendoredAsset if there is no such
    file.
    """
    file = ASSETS / name
    if normpath(name).startswith(("..", "/")) or not file.is_file():
        raise UnvendoredAsset(f"no such asset: {name}")
    return f"{base}{name}?v={_version(file, file.stat().st_mtime)}"


def localize(
    m: folium.Map, base: str = BASE, always: Sequence[str] = (), tiles: Sequence[str] = ()
) -> None:
    """Make a map ask only this server for its scripts and styles, in place; once more is harmless.

    base: the address of ASSETS, relative to the page that shows the map.
    always: scripts and styles that the map loads from the start, for layers that come later; names
        of RESOURCES or addresses on this server (such as `asset_url("map.js")`).
    tiles: beginnings of remote tile addresses that the office has chosen; others are refused.

    Raises UnvendoredAsset for an unknown script or style, a remote address, a branca colour map
    (streamlit-folium fetches d3 for it), and for what needs a script in LEFT_OUT.
    """
    for element in _walk(m):
        _refuse_remote(element, tuple(tiles))
        _refuse_needy(element)
        if isinstance(element, JSCSSMixin):
            element.default_js = _local(element.default_js, base)
            element.default_css = _local(element.default_css, base)
    for name in always:
        pair = (name, asset_url(RESOURCES[name], base) if name in RESOURCES else name)
        if _REMOTE.match(pair[1]):
            raise UnvendoredAsset(f"remote script or style: {name}")
        links = m.default_css if pair[1].partition("?")[0].endswith(".css") else m.default_js
        if pair not in links:
            links.append(pair)
    _set_icons(m, f"L.Icon.Default.imagePath = {base + _ICONS!r};")
    _clear_header(m)


def standalone_html(m: folium.Map) -> str:
    """A map as one HTML file without anything to fetch: scripts, styles and images are inside.

    The map is localized in place. Raises UnvendoredAsset as `localize` does, for any tile layer or
    image by address, and for whatever else in the page a browser would fetch.
    """
    localize(m)
    for element in _walk(m):
        _refuse_served(element)
    _set_icons(m, _inline_icons())
    figure = _figure(m)
    html = figure.render()
    for link in figure.header._children.values():
        if isinstance(link, Link):
            html = html.replace(link.render(), _inline(link))
    leftovers = _Leftovers()
    leftovers.feed(html)
    leftovers.close()
    if leftovers.found:
        raise UnvendoredAsset(f"the saved map would fetch: {', '.join(leftovers.found[:5])}")
    return html


def _walk(element: Element) -> Iterator[Element]:
    """The element and all that it draws: its children, and parts kept as attributes (icons)."""
    seen: set[int] = set()
    waiting: list[Element] = [element]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting.extend(one._children.values())
        waiting.extend(
            value
            for name, value in vars(one).items()
            if isinstance(value, Element) and name != "_parent"
        )


def _local(links: Iterable[tuple[str, str]], base: str) -> list[tuple[str, str]]:
    local = []
    for name, address in links:
        if name in RESOURCES:
            local.append((name, asset_url(RESOURCES[name], base)))
        elif name not in LEFT_OUT:
            if _REMOTE.match(address):
                raise UnvendoredAsset(f"unknown script or style: {name} ({address})")
            local.append((name, address))
    return local


def _addresses(element: Element) -> Iterator[str]:
    """The texts of an element that Leaflet may take for addresses (a layer's name is none)."""
    if isinstance(element, TileLayer):
        yield element.tiles
        return
    for value in vars(element).values():
        for text in value.values() if isinstance(value, dict) else (value,):
            if isinstance(text, str):
                yield text


def _refuse_remote(element: Element, tiles: tuple[str, ...]) -> None:
    if isinstance(element, ColorMap):
        raise UnvendoredAsset("a branca colour map fetches d3: draw the legend in HTML")
    allowed = tiles if isinstance(element, TileLayer | WmsTileLayer) else ()
    for text in _addresses(element):
        if _REMOTE.match(text) and not text.startswith(allowed):
            raise UnvendoredAsset(f"{element._name} has a remote address: {text[:200]}")


def _refuse_needy(element: Element) -> None:
    """Refuse what calls a script in LEFT_OUT (a subclass with a template of its own need not)."""
    template = getattr(element, "_template", None)
    needy = (
        template is folium.Popup._template
        or template is folium.Icon._template
        or getattr(element, "objects_to_stay_in_front", None)
        or (isinstance(element, folium.GeoJson) and not element.embed)
        or (isinstance(element, FastMarkerCluster) and "AwesomeMarkers" in element.callback)
    )
    if needy:
        raise UnvendoredAsset(
            f"{element._name} needs jQuery or awesome-markers, which we leave out"
        )


def _refuse_served(element: Element) -> None:
    if isinstance(element, TileLayer | WmsTileLayer):
        raise UnvendoredAsset("a saved map cannot hold a tile layer")
    address = getattr(element, "url", None)
    if isinstance(address, str) and not address.startswith("data:"):
        raise UnvendoredAsset(f"{element._name} has an address: {address[:200]}")


class _DefaultIcons(MacroElement):
    """Tells Leaflet where its marker images are: its own way of guessing fails in a frame."""

    _template = Template("{% macro script(this, kwargs) %}{{ this.code }}{% endmacro %}")

    def __init__(self) -> None:
        super().__init__()
        self.code = ""


def _set_icons(m: folium.Map, code: str) -> None:
    """Put the code for the marker images before everything else that the map draws."""
    icons = m._children.get("cwmap_default_icons")
    if not isinstance(icons, _DefaultIcons):
        icons = _DefaultIcons()
        m.add_child(icons, name="cwmap_default_icons")
        m._children.move_to_end("cwmap_default_icons", last=False)
        # Rendering fills this place; without it, a map rendered before would get it last.
        scripts = _figure(m).script
        scripts.add_child(Element(""), name=icons.get_name())
        scripts._children.move_to_end(icons.get_name(), last=False)
    icons.code = code


def _figure(m: folium.Map) -> Figure:
    figure = m.get_root()
    if not isinstance(figure, Figure):
        raise TypeError("the map is not in a folium figure")
    return figure


def _clear_header(m: folium.Map) -> None:
    """Take out the links that an earlier rendering left behind; the next one adds ours."""
    header = _figure(m).header
    for name, child in list(header._children.items()):
        if isinstance(child, JavascriptLink | CssLink):
            if name in LEFT_OUT or name in RESOURCES:
                del header._children[name]
            elif _REMOTE.match(child.url):
                raise UnvendoredAsset(f"remote script or style: {name} ({child.url})")


def _inline(link: Link) -> str:
    """A <script> or <style> with the content of the asset that a link names."""
    if not link.url.startswith(BASE):
        raise UnvendoredAsset(f"only assets can be put into a saved map: {link.url}")
    name = link.url.removeprefix(BASE).partition("?")[0]
    text = (ASSETS / name).read_text(encoding="utf-8")
    if isinstance(link, CssLink):
        text = _CSS_URL.sub(lambda found: _inline_url(found, dirname(name)), text)
        return f"<style>{text}</style>"
    # Within a script this can only stand in a text, where the escaped form means the same.
    return "<script>{}</script>".format(text.replace("</script", "<\\/script"))


def _inline_url(found: re.Match[str], folder: str) -> str:
    address = found[2]
    if address.startswith(("#", "data:")):
        return found[0]
    return f'url("{_data_uri(normpath(f"{folder}/{address}"))}")'


def _data_uri(name: str) -> str:
    kind = mimetypes.guess_type(name)[0]
    file = ASSETS / name
    if kind is None or name.startswith("..") or not file.is_file():
        raise UnvendoredAsset(f"no such image: {name}")
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def _inline_icons() -> str:
    images = {
        "iconUrl": "marker-icon.png",
        "iconRetinaUrl": "marker-icon-2x.png",
        "shadowUrl": "marker-shadow.png",
    }
    options = {key: _data_uri(_ICONS + name) for key, name in images.items()}
    return f"L.Icon.Default.imagePath = ''; L.Icon.Default.mergeOptions({options!r});"


def _in_tag(script: str, found: re.Match[str]) -> bool:
    """Whether an attribute in a script's text stands in a tag that fetches; links to click do not.

    Looks back by hand: one pattern for it all takes minutes on a large map.
    """
    before = script[max(0, found.start() - 1000) : found.start()]
    before = before.replace("\\u003c", "<").replace("\\u003e", ">")
    tag = before[before.rfind("<") :] if "<" in before else ""
    opened = tag[1:2].isalpha() and ">" not in tag
    return opened and (found[1] is None or tag[1:].lower().startswith("link"))


class _Leftovers(HTMLParser):
    """Collects what a browser would fetch on opening a page: tags, styles, texts in scripts."""

    _SOURCES = frozenset({"src", "srcset", "poster", "background", "data", "manifest"})
    _LINKING = frozenset({"link", "use", "image", "feimage", "base"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes that a browser follows by itself."""
        self._inside = tag
        for name, value in attrs:
            value = value or ""
            fetched = name in self._SOURCES or (tag in self._LINKING and name.endswith("href"))
            if fetched and value and not value.startswith(("data:", "#")):
                self.found.append(f"<{tag} {name}={value[:200]}>")
            if name == "style":
                self._styles(value)

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or style."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Look into scripts and styles."""
        if self._inside == "style":
            self._styles(data)
        elif self._inside == "script":
            self.found += [found[0] for found in _STYLE.finditer(data)]
            self.found += [found[0] for found in _SOURCE.finditer(data) if _in_tag(data, found)]

    def _styles(self, text: str) -> None:
        self.found += [found[0][:200] for found in re.finditer(r"@import\b[^;]*", text)]
        self.found += [
            found[0][:200]
            for found in _CSS_URL.finditer(text)
            if not found[2].startswith(("data:", "#"))
        ]
