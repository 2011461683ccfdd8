"""The ASGI app: Streamlit with our own routes on the same port. Nothing is fetched from elsewhere.

The content security policy makes the browser refuse what our code should never ask: a request to
another machine fails even if a library tries it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.pages_manager import PagesManager

from cwmap import __version__, api, clusters, figures, signin
from cwmap.colours import even_breaks, heat_png
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.gaps import facilities
from cwmap.gaps.walks import walks
from cwmap.town import Keeper, Town, keeper
from cwmap.ui.assets import ASSETS
from cwmap.ui.look import Look
from cwmap.ui.scene import scene_script

KEEP_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
KEEP_NOT = {"Cache-Control": "no-store"}
_WARM_AFTER_S = 20.0  # the first visitors come first
PHOTO_TYPES = {".jpg", ".jpeg", ".png", ".webp"}


def workspace_folder() -> Path:
    """The workspace that this process serves: $CWMAP_WORKSPACE, else ./workspace."""
    return Path(os.environ.get("CWMAP_WORKSPACE") or "workspace")


def open_keeper() -> Keeper:
    """The keeper of the served workspace; `WorkspaceError` if there is none."""
    return keeper(workspace_folder())


def _answer(make: Callable[[Request, Town], Response]) -> Callable[[Request], Awaitable[Response]]:
    """A route that asks the town in a worker thread and answers errors in a sentence."""

    def ask(request: Request) -> Response:
        try:
            return make(request, open_keeper().town())
        except CwmapError as error:
            return JSONResponse({"error": str(error)}, 400, KEEP_NOT)
        except (ValueError, OverflowError):
            return JSONResponse({"error": "地址里的参数不对。"}, 400, KEEP_NOT)

    async def route(request: Request) -> Response:
        return await run_in_threadpool(ask, request)

    return route


def _scene(request: Request, town: Town) -> Response:
    digest, script = scene_script(town)
    asked = request.path_params["digest"]
    # A page from before an import may ask for old boundaries: it gets today's, not to be kept.
    headers = KEEP_FOREVER if asked == digest else KEEP_NOT
    return Response(script, media_type="text/javascript; charset=utf-8", headers=headers)


def _heat(request: Request, town: Town) -> Response:
    query = request.query_params
    theme = "dark" if query.get("theme") == "dark" else "light"
    question, look = Filter.from_query(query), Look.from_query(query)
    density = figures.heat(town, question, look.bandwidth_m)
    # Pictures of one series share the scale of the series: `top` is its largest density.
    top = float(query.get("top") or density.max())
    if not np.isfinite(top) or top < 0:
        raise ValueError(top)
    image = heat_png(density, even_breaks(top), theme)
    fresh = query.get("rev") == str(town.revision)
    return Response(image, media_type="image/png", headers=KEEP_FOREVER if fresh else KEEP_NOT)


def _reports(request: Request, town: Town) -> Response:
    query = request.query_params
    west, south, east, north = (float(v) for v in query.get("bbox", "").split(","))
    window = clusters.Window(west, south, east, north, zoom=min(int(float(query["zoom"])), 20))
    found = clusters.in_window(town, Filter.from_query(query), window)
    body = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return Response(body, media_type="application/json", headers=KEEP_NOT)


def _photo(request: Request, _town: Town) -> Response:
    folder = (workspace_folder() / "photos").resolve()
    path = (folder / request.path_params["name"]).resolve()
    if path.parent != folder or path.suffix.lower() not in PHOTO_TYPES or not path.is_file():
        return PlainTextResponse("没有这张照片。", 404)
    kind = path.suffix.lower().lstrip(".").replace("jpg", "jpeg")
    return Response(path.read_bytes(), media_type=f"image/{kind}", headers=KEEP_NOT)


def _health(_request: Request, town: Town) -> Response:
    facts = {"status": "ok", "version": __version__, "revision": town.revision}
    return JSONResponse(facts, headers=KEEP_NOT)


def _session(request: Request, _town: Town) -> Response:
    """Exchange a ticket for the cookie of who is signed in; see `cwmap.signin`.

    Only from a page of ours: browsers name the origin of every POST, and send a header of one's own
    to another origin only if it was asked first and agreed. A cookie from http has to do without
    Secure, or the office's own network could not have it.
    """
    origin = urlsplit(request.headers.get("origin", ""))
    if not origin.netloc or origin.netloc != request.headers.get("host"):
        return JSONResponse({"error": "只能在看板的页面上登录。"}, 403, KEEP_NOT)
    token = signin.redeem(request.headers.get("cwmap-ticket", ""))
    if token is None:
        return JSONResponse({"error": "登录没有完成；请刷新页面后重新登录。"}, 403, KEEP_NOT)
    workspace = open_keeper().workspace
    name = signin.cookie(workspace)
    answer = Response(status_code=204, headers=KEEP_NOT)
    if old := request.cookies.get(name):
        signin.end(workspace, signin.key(old))  # one browser, one account
    if token:
        answer.set_cookie(
            name, token, httponly=True, samesite="strict", secure=origin.scheme == "https"
        )
    else:
        answer.delete_cookie(name, httponly=True, samesite="strict")
    return answer


def routes() -> list[BaseRoute]:
    """Our own routes beside Streamlit's."""
    return [
        Mount("/cwmap/assets", StaticFiles(directory=ASSETS)),
        Route("/cwmap/scene-{digest}.js", _answer(_scene)),
        Route("/cwmap/heat.png", _answer(_heat)),
        Route("/cwmap/reports.json", _answer(_reports)),
        Route("/cwmap/photos/{name}", _answer(_photo)),
        Route("/cwmap/health", _answer(_health)),
        Route("/cwmap/session", _answer(_session), methods=["POST"]),
        *api.routes(open_keeper),
    ]


def warm() -> None:
    """Open the town, and make its walking network, before somebody has to wait for it."""
    start = threading.Timer(_WARM_AFTER_S, _warm)
    start.daemon = True
    start.start()


def _warm() -> None:
    with suppress(CwmapError):  # told where it is asked for
        town = open_keeper().fresh()
        walks(town, facilities.load(workspace_folder(), town.categories))


def middleware(pages: Iterable[str]) -> list[Middleware]:
    """Headers on every answer, and the way to the start page; `pages`: url paths, the start first."""
    # Streamlit would take pages/ for its older kind of app until the first visitor has come.
    PagesManager.uses_pages_directory = False
    return [Middleware(_Headers), Middleware(_ToStart, pages=frozenset([*pages][1:]))]


class _Headers:
    """Adds security headers; a plain ASGI middleware, so that streams and sockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.encode(), v.encode()) for k, v in _security_headers(host).items()]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, sealed)


class _ToStart:
    """Leads whoever asks for a page that there is not to the start: Streamlit would say so in English."""

    def __init__(self, app: ASGIApp, pages: frozenset[str]) -> None:
        self.app, self.pages = app, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            page = scope["path"].strip("/")
            wants = dict(scope["headers"]).get(b"accept", b"")
            # Files and services have a dot or more than one part in their path.
            known = page in self.pages or set("/.") & set(page)
            if b"text/html" in wants and page and not known:
                query = scope["query_string"].decode("latin-1")
                await RedirectResponse(f"/?{query}" if query else "/")(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _security_headers(host: str) -> dict[str, str]:
    # Streamlit and streamlit-folium evaluate scripts of their own; only the origin is restricted.
    policy = (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        f"connect-src 'self' ws://{host} wss://{host} data: blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
