"""Real networks end to end: OpenStreetMap extracts read by GDAL, places, services, sites.

The extracts are no part of the project; without them these tests are skipped.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import Point

from cwmap import importing
from cwmap.gaps import facilities
from cwmap.gaps.facilities import Norms
from cwmap.gaps.paths import read_paths
from cwmap.gaps.reach import reach, served, service_areas, stock
from cwmap.gaps.siting import proposal
from cwmap.gaps.walks import walks
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town

SHARED = Path(os.environ.get("CWMAP_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
PLACES = {
    "helsinki": (SHARED / "small_net/helsinki_centre.osm.pbf", "EPSG:3067"),
    "porto_alegre": (SHARED / "porto_alegre/poa_osm.pbf", "EPSG:31982"),
}


@pytest.fixture(params=PLACES)
def abroad(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Town, Norms]:
    """A town of made-up homes and toilets on a real network."""
    path, crs = PLACES[request.param]
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    lines = read_paths(path, crs).lines
    ends = shapely.get_coordinates(shapely.get_point(lines, 0))
    random = np.random.default_rng(3)
    near = ends[random.choice(len(ends), 330, replace=False)] + random.normal(0, 15, (330, 2))
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(*near.T)
    points = [Point(a, b) for a, b in zip(lon, lat, strict=True)]
    workspace = Workspace.create(tmp_path / "town", Settings(crs=crs))
    tables = {
        "facilities": [
            {"facility_id": f"S{n}", "kind": "toilet", "standard": "no" if n % 5 == 0 else "yes"}
            for n in range(30)
        ],
        "population": [{"population_id": f"R{n}", "residents": 50} for n in range(300)],
    }
    with workspace.changing() as change:
        at = 0
        for name, rows in tables.items():
            frame = pd.DataFrame(rows).assign(geometry=points[at : at + len(rows)])
            importing.merge(change, name, frame)
            at += len(rows)
        change.finish("import", "facilities", "made", Merged(1, 0, 0), 0)
    norms = facilities.load()
    return open_town(workspace), replace(norms, walk=replace(norms.walk, paths=path))


def test_a_real_network_end_to_end(abroad: tuple[Town, Norms]) -> None:
    town, norms = abroad
    toilet = norms.facilities["toilet"]
    norm = toilet.radius()
    assert norm
    ways, found = walks(town, norms), reach(town, norms, toilet)
    network, there = ways.network, stock(town, norms, "toilet")
    assert network is not None
    assert found.homes.places.snapped.mean() > 0.95
    # The nearest toilet of 40 homes, by networkx.
    graph = nx.Graph()
    for a, b, length in zip(network.start, network.end, network.length_m, strict=True):
        graph.add_edge(int(a), int(b), weight=float(length))
    goals = there.of_standard()
    for name, places in (("g", goals), ("h", found.homes.places)):
        for n in np.flatnonzero(places.snapped):
            edge, leg, along = places.edge[n], places.leg_m[n], places.along[n]
            span = network.length_m[edge]
            graph.add_edge((name, n), int(network.start[edge]), weight=leg + along * span)
            graph.add_edge((name, n), int(network.end[edge]), weight=leg + (1 - along) * span)
    far = nx.multi_source_dijkstra_path_length(
        graph, [("g", int(n)) for n in np.flatnonzero(goals.snapped)]
    )
    checked = 0
    for n in np.flatnonzero(found.homes.places.snapped):
        same_edge = found.homes.places.edge[n] in goals.edge
        if not same_edge:  # then one walks along the edge itself
            assert found.of_standard_m[n] == pytest.approx(far.get(("h", n), np.inf), abs=1e-6)
            checked += 1
    assert checked > 200
    # People within the norm's area by the network's own rule lie on its drawn polygons.
    areas = shapely.union_all(service_areas(town, norms, toilet, norm)[True])
    homes = shapely.points(found.homes.places.x, found.homes.places.y)
    inside = found.served(norm.limit) & (found.homes.places.leg_m < 20)
    assert shapely.covers(areas, homes[inside]).all()
    whole = served(town, norms, toilet, norm, "town").iloc[0]
    assert whole["total"] == 15_000
    assert 0 < whole["of_standard"] < 15_000
    plan = proposal(town, norms, "toilet", sites=3)
    assert plan.placed.after > plan.placed.before == whole["of_standard"]
    assert plan.gap < 0.01


def test_where_nobody_may_walk_is_no_way(tmp_path: Path) -> None:
    kinds = ["footway", "motorway", "service", "track", "residential", "construction"]
    tags = ["", "", '"access"=>"private"', '"access"=>"no","foot"=>"yes"', '"bridge"=>"yes"', ""]
    lines = [shapely.LineString([(0, k), (100, k)]) for k in range(6)]
    path = tmp_path / "ways.gpkg"
    frame = gpd.GeoDataFrame(
        {"highway": kinds, "other_tags": tags}, geometry=lines, crs="EPSG:4544"
    )
    frame.to_file(path)
    found = read_paths(path, "EPSG:4544")
    assert shapely.get_y(shapely.get_point(found.lines, 0)).round().tolist() == [0, 3, 4]
    assert found.bridge.tolist() == [False, False, True]


def test_a_town_is_not_named_by_its_file(drawn: Callable[..., Town], norms: Norms) -> None:
    """Norms with other ways are another network: nothing that is kept is mixed up."""
    town = drawn(facilities=[{"kind": "toilet", "at": Point(0, 0)}],
                 population=[{"residents": 5, "at": Point(100, 0)}])  # fmt: skip
    first = reach(town, norms, norms.facilities["toilet"]).of_any_m[0]
    longer = replace(norms, walk=replace(norms.walk, detour=2.0))
    assert reach(town, longer, longer.facilities["toilet"]).of_any_m[0] == pytest.approx(
        first / norms.walk.detour * 2, rel=1e-9
    )
