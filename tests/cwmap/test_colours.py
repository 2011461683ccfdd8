"""The ramp reads in greyscale; classes and legend agree."""

import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cwmap.colours import CLASSES, RAMPS, breaks, classes, even_breaks, heat_png

SIZES = st.floats(1e-6, 1e9)


def lightness(colour: str) -> float:
    """CIE L* of #rrggbb."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * y ** (1 / 3) - 16


@pytest.mark.parametrize(("theme", "sign"), [("light", -1), ("dark", 1)])
def test_lightness_goes_one_way_in_steps_that_can_be_seen(theme: str, sign: int) -> None:
    steps = [sign * (lightness(b) - lightness(a)) for a, b in pairwise(RAMPS[theme])]
    assert min(steps) > 7


@given(SIZES)
def test_breaks_are_five_rising_and_below_the_maximum(maximum: float) -> None:
    for steps in (breaks(maximum), even_breaks(maximum)):
        assert len(steps) == CLASSES - 1
        assert all(a < b for a, b in pairwise(steps))
        assert steps[0] > 0
        assert steps[-1] <= maximum * (1 + 1e-9)


@given(SIZES)
def test_the_top_class_is_used_and_not_too_wide(maximum: float) -> None:
    assert maximum <= breaks(maximum)[-1] * 2.5 * (1 + 1e-9)
    assert maximum <= even_breaks(maximum)[-1] * 1.6


def test_classes_count_the_breaks_below_a_value() -> None:
    values = np.array([0.0, np.nan, 0.4, 1.0, 1.01, 3.0, 30.0])
    assert classes(values, [1.0, 2.0, 5.0, 10.0, 20.0]) == "--00125"
    assert classes(values, []) == "-------"


def test_a_heat_image_is_clear_where_nothing_is_and_ends_on_the_ramp() -> None:
    density = np.array([[0, 0.1], [5, 60]], np.float32)
    steps = even_breaks(60)
    image = Image.open(io.BytesIO(heat_png(density, steps, "light"))).convert("RGBA")
    assert image.getpixel((0, 0))[3] == 0
    assert image.getpixel((1, 1))[:3] == tuple(
        int(RAMPS["light"][-1][i : i + 2], 16) for i in (1, 3, 5)
    )
    assert image.getpixel((1, 1))[3] > 200


def test_a_heat_image_without_reports_is_clear() -> None:
    image = Image.open(io.BytesIO(heat_png(np.zeros((3, 4), np.float32), even_breaks(0.0), "dark")))
    assert image.size == (4, 3)
    assert set(image.convert("RGBA").getchannel("A").tobytes()) == {0}
