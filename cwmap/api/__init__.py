"""Live data for other programs on the dashboard's own port: OGC API – Features and Open311 GeoReport.

Everything comes from `cwmap.writers.layers`, as an export does, so that a planner's QGIS shows what
the page shows. To read needs no account, as on the pages; nothing can be changed here.
"""

from starlette.routing import BaseRoute

from cwmap.api import features, georeport
from cwmap.api.answering import Opener

__all__ = ["Opener", "routes"]


def routes(opener: Opener) -> list[BaseRoute]:
    """The routes of both. opener: gives the keeper of the served workspace."""
    return [*features.routes(opener), *georeport.routes(opener)]
