"""How a question of another program is answered: in a worker thread, errors as the standards ask."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from cwmap.errors import CwmapError
from cwmap.store import Workspace
from cwmap.town import Keeper, Town
from cwmap.writers.cases import Outdated

Opener = Callable[[], Keeper]
HEADERS = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Asked:
    """A request with the town that it asks. `base`: the address of the interface, without a slash."""

    request: Request
    town: Town
    workspace: Workspace
    base: str

    @property
    def path(self) -> dict[str, str]:
        """Words of the address's path."""
        return dict(self.request.path_params)


class Refused(Exception):
    """What is not answered. code: a word for programs; the message: a Chinese sentence for people."""

    def __init__(
        self, message: str, status: int = 400, code: str = "InvalidParameterValue"
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code


Make = Callable[[Asked], Response]
Refusal = Callable[[Request, Refused], Response]


def answered(
    opener: Opener, root: str, make: Make, refusal: Refusal
) -> Callable[[Request], Awaitable[Response]]:
    """A route that asks the town; what it may not answer becomes a `refusal`.

    root: path of the interface on the server, as /cwmap/ogc.
    """

    def ask(request: Request) -> Response:
        base = f"{str(request.base_url).rstrip('/')}{root}"
        try:
            keeper = opener()
            try:
                return make(Asked(request, keeper.town(), keeper.workspace, base))
            except Outdated:  # an import came between: wait for the newer town
                return make(Asked(request, keeper.fresh(), keeper.workspace, base))
        except Refused as refused:
            return refusal(request, refused)
        except CwmapError as error:  # nothing that the question could help
            return refusal(request, Refused(str(error), 503, "NoApplicableCode"))

    async def route(request: Request) -> Response:
        return await run_in_threadpool(ask, request)

    return route


def as_json(value: Any) -> str:
    """JSON without numbers that JSON does not have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
