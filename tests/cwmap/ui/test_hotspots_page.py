"""What the page of hot spots is made of, without a browser."""

from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import shapely

from cwmap import figures
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import Method
from cwmap.trends.together import together
from cwmap.ui.hotspots import multiples, pairing
from cwmap.ui.hotspots.choices import Choices
from cwmap.ui.look import Look
from cwmap.ui.map import pair_state
from cwmap.ui.outline import outline_url
from geo.coordinates import transform_geometries


@pytest.mark.parametrize(
    "chosen",
    [
        Choices(), Choices(view="pair", pair=("bins", "road")), Choices(spot="C001", view="change"),
        Choices(method=Method(neighbourhood=150.0, fdr=False, patrol_only=True, units="lanes")),
    ],
)  # fmt: skip
def test_choices_come_back_from_their_words(chosen: Choices) -> None:
    assert Choices.from_query(chosen.to_query()) == chosen


def test_words_that_mean_nothing_are_left_out() -> None:
    words = {
        "view": "x",
        "near": "1e9",
        "units": "towns",
        "pair": "road",
        "fdr": "?",
        "patrol": "2",
    }
    assert Choices.from_query(words) == Choices()
    assert Choices().to_query() == {}


@pytest.mark.parametrize("chosen", [(), ("dogs",), ("bins", "road"), tuple("abcdefgh")])
def test_which_kinds_are_compared(demo_town: Town, chosen: tuple[str, ...]) -> None:
    """Those of the filter, filled up with the commonest and cut to the most that fit."""
    counts = figures.group_counts(demo_town, Filter())
    if len(chosen) > multiples.MOST:
        chosen = tuple(counts)[: len(chosen)]
    question = Filter(category=chosen)
    found = multiples.panels(demo_town, question, None)
    common = sorted(counts, key=lambda kind: -counts[kind])
    expected = list(chosen)
    if len(chosen) < 2:
        expected += [kind for kind in common if kind not in chosen][: multiples.USUAL - len(chosen)]
    expected = sorted(expected, key=lambda kind: -counts[kind])[: multiples.MOST]
    assert {panel.word for panel in found} == set(expected)
    assert [p.reports for p in found] == [counts[kind] for kind in expected]
    for panel in found:
        assert (
            panel.peak == figures.heat(demo_town, replace(question, category=(panel.word,))).max()
        )


def test_the_outline_lies_in_the_frame_of_the_heat_image(demo_town: Town) -> None:
    grid = demo_town.heat_grid
    svg = ElementTree.fromstring(unquote(outline_url(demo_town, "light")).partition(",")[2])
    assert svg.get("viewBox") == f"0 0 {grid.columns} {grid.rows}"
    areas = svg.findall("{*}path")[-1].get("d") or ""
    numbers = [
        float(n) for n in areas.replace("M", " ").replace("Z", " ").replace(",", " ").split()
    ]
    x = [grid.bounds[0] + column * grid.pixel_m for column in numbers[::2]]
    y = [grid.bounds[3] - row * grid.pixel_m for row in numbers[1::2]]
    shapes = transform_geometries(
        demo_town.layers["areas"].geometry.to_numpy(object), "EPSG:4326", demo_town.settings.crs
    )
    west, south, east, north = shapely.total_bounds(shapes)
    assert (min(x), min(y), max(x), max(y)) == pytest.approx(
        (west, south, east, north), abs=grid.pixel_m
    )
    assert outline_url(demo_town, "dark") != outline_url(demo_town, "light")


def test_the_map_of_two_kinds(demo_town: Town) -> None:
    found = together(demo_town, Filter(), "garbage", "small_ads")
    painted = pair_state(found, pairing.COLOURS, Look(), ())["cells"]
    words = {"both": "0", "first": "1", "second": "2", "none": "-"}
    assert painted["classes"] == "".join(words[w] for w in found.units["where"])
    assert painted["counts"] == (found.units["first"] + found.units["second"]).tolist()
    assert painted["words"][1] == f"只有{found.names[0]}集中"
    refused = together(demo_town, Filter(source=("暗访",)), "garbage", "small_ads")
    assert set(pair_state(refused, pairing.COLOURS, Look(), ())["cells"]["classes"]) == {"-"}
