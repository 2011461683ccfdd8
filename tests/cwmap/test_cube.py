"""The cube against pandas on the same reports."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.cube import Cube


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(1, 1300), st.data()
)  # fmt: skip
def test_every_slice_equals_pandas(seed: int, reports: int, days: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "day": rng.integers(0, days, reports),
            "lane": rng.integers(-1, 5, reports),
            "cell": rng.integers(-1, 7, reports),
            "category": rng.integers(0, 4, reports),
            "status": rng.integers(0, 3, reports),
        },
        dtype=np.int32,
    )
    cube = Cube(
        frame.day.to_numpy(),
        {"lane": frame.lane.to_numpy(), "cell": frame.cell.to_numpy()},
        {"category": frame.category.to_numpy(), "status": frame.status.to_numpy()},
    )
    first = data.draw(st.integers(-3, days + 3))
    last = data.draw(st.integers(first - 1, days + 3))
    lane, status = data.draw(st.integers(-1, 4)), data.draw(st.integers(0, 2))
    spots, sorts = cube.spots["lane"] != lane, cube.sorts["status"] == status
    rows = cube.slice(first, last, spots, sorts)
    expected = frame[
        frame.day.between(first, last) & (frame.lane != lane) & (frame.status == status)
    ]
    assert rows.total == len(expected)
    by_cell = expected[expected.cell >= 0].groupby("cell").size().reindex(range(7), fill_value=0)
    assert cube.by_spot(rows, "cell", 7).tolist() == by_cell.tolist()
    by_category = expected.groupby("category").size().reindex(range(4), fill_value=0)
    assert cube.by_sort(rows, "category", 4).tolist() == by_category.tolist()
    by_day = expected.groupby("day").size().reindex(range(first, last + 1), fill_value=0)
    assert cube.by_day(first, last, spots, sorts).tolist() == by_day.tolist()
