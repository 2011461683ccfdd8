"""The geometry that the browser keeps, the look in a link, and the saved map."""

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui.look import OVERLAYS, PICKED, SURFACES, Look
from cwmap.ui.map import base_map, paint_state
from cwmap.ui.saved import saved_map
from cwmap.ui.scene import scene_script


def scene(town: Town) -> dict:
    text = scene_script(town)[1].decode().removeprefix("window.CW_SCENE=").removesuffix(";")
    return json.loads(text)


def polygon(rings: list) -> shapely.Polygon:
    """A polygon from the browser's numbers: [lat0, lon0, dlat, dlon, …] in millionths of a degree."""
    coords = [np.cumsum(np.array(ring).reshape(-1, 2), axis=0)[:, ::-1] / 1e6 for ring in rings]
    return shapely.Polygon(coords[0], coords[1:])


def test_the_browser_gets_the_lanes_as_they_are(demo_town: Town) -> None:
    lanes = demo_town.layers["lanes"]
    sent = scene(demo_town)["lanes"]
    assert sent["ids"] == list(lanes.index)
    for shapes, lane in zip(sent["shapes"], lanes.geometry, strict=True):
        drawn = shapely.MultiPolygon([polygon(rings) for rings in shapes])
        assert shapely.hausdorff_distance(drawn, lane) < 1e-6


def test_the_same_boundaries_have_the_same_name(demo_town: Town) -> None:
    again = replace(demo_town, revision=demo_town.revision + 1)
    assert scene_script(again)[0] == scene_script(demo_town)[0]
    lanes = demo_town.layers["lanes"].copy()
    lanes.iloc[0, lanes.columns.get_loc("name")] = "</script><b>"
    renamed = replace(demo_town, layers={**demo_town.layers, "lanes": lanes})
    digest, script = scene_script(renamed)
    assert digest != scene_script(demo_town)[0]
    assert b"</script" not in script
    assert scene(renamed)["lanes"]["names"][0] == "</script><b>"


def test_the_base_map_does_not_depend_on_what_is_asked(demo_town: Town) -> None:
    assert scene_script(demo_town)[0] in str(base_map(demo_town).default_js)
    first, second = (base_map(demo_town).get_root().render() for _ in range(2))
    assert len(first) == len(second)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_filter_sends_a_few_kilobytes(demo_town: Town, surface: str) -> None:
    state = paint_state(demo_town, Filter(), Look(surface=surface))
    assert len(json.dumps(state, ensure_ascii=False).encode()) < 40_000


LOOKS = st.builds(
    Look,
    surface=st.sampled_from(list(SURFACES)),
    show=st.lists(st.sampled_from(list(OVERLAYS)), unique=True).map(
        lambda words: tuple(w for w in OVERLAYS if w in words)
    ),
    bandwidth_m=st.none() | st.integers(1, 20_000),
    picked=st.none() | st.tuples(st.sampled_from(PICKED), st.text(min_size=1)),
)


@given(LOOKS)
def test_a_link_means_the_same_look(look: Look) -> None:
    again = Look.from_query(look.to_query())
    assert replace(again, show=()) == replace(look, show=())
    assert set(again.show) == set(look.show)


@given(st.dictionaries(st.sampled_from(["surface", "show", "bandwidth", "pick"]), st.text()))
def test_any_link_has_a_look(query: dict[str, str]) -> None:
    assert Look.from_query(query).surface in SURFACES


@pytest.mark.parametrize("surface", SURFACES)
def test_a_saved_map_says_what_it_shows_and_fetches_nothing(demo_town: Town, surface: str) -> None:
    page = saved_map(demo_town, Filter(category=("road",)), Look(surface=surface))
    assert "示例数据" in page
    assert "路面坑洼" in page
    assert str(demo_town.as_of) in page
    assert "../../cwmap" not in page.split("const SERVER")[0]
