"""Conditions in CQL2: against SQLite's three-valued logic and shapely, and what must be refused."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cwmap.api.answering import Refused
from cwmap.api.asking import CRS84, Question
from cwmap.api.cql import JSON, LONGEST, condition_of
from cwmap.api.offered import collection
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tables import Column
from cwmap.town import Town
from cwmap.writers.layers import LAYERS, layer_columns, layer_frame

ITEMS = "/cwmap/ogc/collections/{}/items"


class Asked(NamedTuple):
    """One condition in both languages; in SQL, times are text in UTC."""

    cql: str
    sql: str


class Exported(NamedTuple):
    """The exported layer, as SQLite sees it."""

    layer: str
    town: Town
    workspace: Workspace
    frame: gpd.GeoDataFrame
    columns: tuple[Column, ...]
    database: sqlite3.Connection

    def both_find(self, asked: Asked) -> None:
        condition = condition_of(asked.cql)
        assert condition_of(json.dumps(condition), JSON) == condition
        offered = collection(self.town, self.workspace, self.layer)
        found = offered.find(Question(condition=condition))
        rows = self.database.execute(f"SELECT rowid FROM layer WHERE {asked.sql}").fetchall()
        assert found.tolist() == [row - 1 for (row,) in rows]


@pytest.fixture(scope="module", params=["reports", "tasks", "lanes", "duties"])
def exported(
    request: pytest.FixtureRequest, town: Town, workspace: Workspace
) -> Iterator[Exported]:
    layer = request.param
    frame = layer_frame(town, workspace, layer, Filter())
    plain = pd.DataFrame(frame.drop(columns="geometry"))
    for name in plain.select_dtypes("datetimetz"):
        plain[name] = plain[name].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("PRAGMA case_sensitive_like = ON")
    plain.to_sql("layer", database, index=False)
    columns = collection(town, workspace, layer).queryables
    yield Exported(layer, town, workspace, frame, columns, database)
    database.close()


def predicates(exported: Exported, column: Column) -> st.SearchStrategy[Asked]:
    """Comparisons of one column with values that it holds, or nearly."""
    name = f'"{column.name}"'
    held = list(exported.frame[column.name].dropna().unique()[:50])
    if column.kind == "time":
        odd = [pd.Timestamp("2026-08-01T00:00:00.5Z")]
        values = st.sampled_from(held + odd).map(_moment)
    elif column.kind in ("number", "integer"):
        values = st.sampled_from([float(v) for v in held] + [0.0, -1.5, 1e12]).map(
            lambda v: Asked(repr(v), repr(v))
        )
    else:
        odd = ["", "it's", "\\", '"', "办", "A", "没有的", "a' OR 1=1 --"]
        values = st.sampled_from([str(v) for v in held] + odd).map(
            lambda v: Asked(*2 * (_text(v),))
        )
    found = [
        st.builds(
            lambda sign, v: Asked(f"{name} {sign} {v.cql}", f"{name} {sign} {v.sql}"),
            st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), values,
        ),
        st.builds(
            lambda no, low, high: Asked(
                f"{name} {no}BETWEEN {low.cql} AND {high.cql}",
                f"{name} {no}BETWEEN {low.sql} AND {high.sql}",
            ),
            _MAYBE_NOT, values, values,
        ),
        st.builds(
            lambda no, some: Asked(
                f"{name} {no}IN ({', '.join(v.cql for v in some)})",
                f"{name} {no}IN ({', '.join(v.sql for v in some)})",
            ),
            _MAYBE_NOT, st.lists(values, min_size=1, max_size=4),
        ),
        st.sampled_from([Asked(*2 * (f"{name} IS {no}NULL",)) for no in ("", "NOT ")]),
    ]  # fmt: skip
    if column.kind not in ("time", "number", "integer"):
        parts = [str(v)[:2] for v in held[:20]] + ["%", "_", "\\%", "\\_", "\\\\", "办", "0"]
        patterns = st.lists(st.sampled_from([*parts, "%", "%"]), max_size=4).map("".join)
        found.append(
            st.builds(
                lambda no, p: Asked(
                    f"{name} {no}LIKE {_text(p)}", f"{name} {no}LIKE {_text(p)} ESCAPE '\\'"
                ),
                _MAYBE_NOT, patterns,
            )
        )  # fmt: skip
    return st.one_of(found)


_MAYBE_NOT = st.sampled_from(["", "NOT "])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _moment(moment: pd.Timestamp) -> Asked:
    utc = moment.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S.%f")
    return Asked(f"TIMESTAMP('{utc}Z')", f"'{utc}'")


def _joined(parts: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
    pair = st.builds(
        lambda word, a, b: Asked(f"({a.cql} {word} {b.cql})", f"({a.sql} {word} {b.sql})"),
        st.sampled_from(["AND", "OR"]), parts, parts,
    )  # fmt: skip
    return pair | parts.map(lambda a: Asked(f"NOT ({a.cql})", f"NOT ({a.sql})"))


def test_conditions_mean_what_they_mean_in_sql(exported: Exported) -> None:
    one = st.one_of([predicates(exported, column) for column in exported.columns])

    @settings(max_examples=100, deadline=None)
    @given(st.recursive(one, _joined, max_leaves=6))
    def agree(asked: Asked) -> None:
        exported.both_find(asked)

    agree()
    first = exported.columns[0].name
    exported.both_find(Asked(f"NOT {first} = 'x' AND TRUE", f"NOT {first} = 'x'"))


def test_a_day_is_that_day_in_town(client: TestClient, town: Town, workspace: Workspace) -> None:
    frame = layer_frame(town, workspace, "reports", Filter())
    day, local = pd.Timestamp("2026-08-05").date(), frame["reported_at"].dt.date
    for sign, keep in {
        "=": local == day, "<>": local != day, "<": local < day, "<=": local <= day, ">": local > day,
        ">=": local >= day,
    }.items():  # fmt: skip
        assert 0 < keep.sum() < len(frame)
        for literal in ("DATE('2026-08-05')", "'2026-08-05'"):
            found = ids(client, "reports", f"reported_at {sign} {literal}")
            assert found == frame["report_id"][keep].tolist()
    within = ids(client, "reports", "reported_at IN (DATE('2026-08-05'), DATE('2026-08-07'))")
    days = local.isin([day, pd.Timestamp("2026-08-07").date()])
    assert within == frame["report_id"][days].tolist()


@pytest.mark.parametrize("layer", ["reports", "lanes"])
def test_shapes(layer: str, client: TestClient, town: Town, workspace: Workspace) -> None:
    frame = layer_frame(town, workspace, layer, Filter())
    shapes, key = frame.geometry.to_numpy(object), frame.columns[0]
    west, south, east, north = map(float, frame.total_bounds)
    x, y = (west + east) / 2, (south + north) / 2
    point = shapely.get_coordinates(shapes[~shapely.is_missing(shapes)][0])[0]
    regions = {
        f"BBOX({west},{south},{x},{y})": shapely.box(west, south, x, y),
        f"POINT({point[0]} {point[1]})": shapely.Point(point),
        f"LINESTRING({west} {south}, {east} {north})": shapely.LineString(
            [(west, south), (east, north)]
        ),
        f"POLYGON(({west} {south}, {east} {south}, {x} {north}, {west} {south}))": shapely.Polygon(
            [(west, south), (east, south), (x, north)]
        ),
        f"MULTIPOLYGON((({west} {south}, {x} {south}, {x} {y}, {west} {south})))": shapely.Polygon(
            [(west, south), (x, south), (x, y)]
        ),
        f"GEOMETRYCOLLECTION(POINT({point[0]} {point[1]}))": shapely.Point(point),
    }
    placed = ~shapely.is_missing(shapes)
    for text, region in regions.items():
        inside = shapely.intersects(shapes, region)
        assert inside.any()
        asked = f"S_INTERSECTS(geometry, {text})"
        assert ids(client, layer, asked) == frame[key][inside].tolist()
        # What has no place is neither inside nor outside.
        assert ids(client, layer, f"NOT {asked}") == frame[key][placed & ~inside].tolist()
    assert ids(client, layer, "geometry IS NULL") == frame[key][~placed].tolist()


def ids(client: TestClient, layer: str, condition: str, query: str = "limit=10000") -> list[str]:
    answer = client.get(f"{ITEMS.format(layer)}?{query}&filter={quote(condition)}")
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def test_a_condition_goes_with_everything_else(client: TestClient, town: Town) -> None:
    west, south, east, north = town.bounds
    condition = "status IN ('open', 'assigned', 'fixed') AND lane_id IS NOT NULL"
    box = f"bbox={west},{south},{(west + east) / 2},{north}"
    others = f"{box}&datetime=2026-08-01/..&category=road&limit=10000"
    every = [
        set(ids(client, "reports", condition)), set(ids(client, "reports", "TRUE", f"{box}&limit=10000")),
        set(ids(client, "reports", "TRUE", "datetime=2026-08-01/..&limit=10000")),
        set(ids(client, "reports", "TRUE", "category=road&limit=10000")),
    ]  # fmt: skip
    found = ids(client, "reports", condition, others)
    assert set(found) == set.intersection(*every) != set()
    assert len(found) < min(map(len, every))
    url: str | None = (
        f"{ITEMS.format('reports')}?{others}&limit=7&filter={quote(condition)}".replace(
            "limit=10000&", ""
        )
    )
    paged = []
    while url:
        page = client.get(url).json()
        assert page["numberMatched"] == len(found)
        paged += [feature["id"] for feature in page["features"]]
        url = next((each["href"] for each in page["links"] if each["rel"] == "next"), None)
        assert url is None or quote("lane_id IS NOT NULL", safe="").replace("%20", "+") in url
    assert paged == found


def test_the_languages(client: TestClient) -> None:
    text = "lane_id LIKE 'X00%' AND NOT overdue > 3"
    tree = json.dumps(condition_of(text))
    url = f"{ITEMS.format('lanes')}?filter-crs={CRS84}"
    answers = [
        client.get(f"{url}&filter={quote(condition)}{language}").json()["features"]
        for condition, language in (
            (text, ""), (text, "&filter-lang=cql2-text"), (text, "&filter-lang=cql-text"),
            (tree, "&filter-lang=cql2-json"),
        )
    ]  # fmt: skip
    assert all(a == b != [] for a, b in pairwise(answers))


def test_what_may_be_asked_for_is_said(client: TestClient, town: Town) -> None:
    for layer in LAYERS:
        answer = client.get(f"/cwmap/ogc/collections/{layer}/queryables")
        assert answer.headers["content-type"] == "application/schema+json"
        said = answer.json()
        assert (said["type"], said["additionalProperties"]) == ("object", False)
        assert said["$schema"].endswith("2020-12/schema")
        assert said["$id"].endswith(f"/collections/{layer}/queryables")
        asked: dict[str, Any] = said["properties"]
        assert asked.pop("geometry")["format"] == "geometry-any"
        assert {name: what["title"] for name, what in asked.items()}.items() <= {
            (c.name, c.header) for c in layer_columns(town, layer)
        }
        if layer not in ("cells", "gaps", "sites"):  # they walk the whole town first
            every = " OR ".join(f'"{name}" IS NULL' for name in asked)
            ids(client, layer, every, "limit=1")


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("phone = '13912345678'", "phone"), ("reporter = 'x'", "reporter"), ("description LIKE '%'", "description"),
        ("nothing IS NULL", "nothing"), ("status = 1", "不是文字"), ("reported_at = 5", "不是时间"),
        ("reported_at > '昨天'", "看不懂时间"), ("reported_at > TIMESTAMP('2026-13-01T00:00:00Z')", "看不懂时间"),
        ("status = reported_at", "不能互相比较"), ("status = NULL", "IS NULL"), ("reported_at LIKE '2026%'", "LIKE"),
        ("status LIKE 5", "LIKE"), ("status IN (lane_id)", "IN"), ("status IN ('open', 5)", "不是文字"),
        ("status", "不是"), ("5", "不是"), ("1 = 1", "字段"),
        ("status + 1 = 2", "字段"), ("upper(status) = 'A'", "字段"),
        ("CASEI(status) = CASEI('A')", "字段"), ("T_AFTER(reported_at, DATE('2026-01-01'))", "t_after"),
        ("S_WITHIN(geometry, POINT(1 2))", "s_within"), ("S_INTERSECTS(status, POINT(1 2))", "s_intersects"),
        ("S_INTERSECTS(geometry, 'POINT(1 2)')", "图形"), ("S_INTERSECTS(geometry, BBOX(1,2,3))", "bbox"),
        ("S_INTERSECTS(geometry, BBOX(1,9,3,4))", "bbox"), ("S_INTERSECTS(geometry, POINT EMPTY)", "图形"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "自相交"), ("", "看不懂"), (" ", "看不懂"),
        ("status =", "第 1 行第 9 个字"), ("status = 'open", "看不懂"), ("status = \"open\"", "open"),
        ("status = 'a' = 'b'", "不是"), ("'; DROP TABLE reports; --", "看不懂"), ("status == 'open'", "看不懂"),
        ("status ILIKE 'a'", "看不懂"), ("status = 'a\x00' \x00", "看不懂"), ("(" * 5_000, "太多"),
        ("(" * 17 + "status = 'a' x" + ")" * 17, "太多"), ("NOT " * 1_500 + "status = 'a'", "太多"),
        ("status < " * 800 + "1", "太多"), ("x = " + "-" * 7_000 + "1", "太多"), ("f(" * 3_000 + ")" * 100, "太多"),
        (" OR ".join(["status = 'a'"] * 400), "太多"), ("status = '" + "a" * LONGEST + "'", "太长"),
        ("x = 1e999", "x"), ("(status = 'a'" * 30, "太多"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_told(condition: str, word: str, client: TestClient) -> None:
    answer = client.get(ITEMS.format("reports"), params={"filter": condition})
    assert answer.status_code == 400, answer.text
    said = answer.json()["description"]
    assert word in said
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said)
    assert "--> " not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "tree",
    [
        "", "{", "null", "[]", '"a"', "5", "{}", '{"op": 5}', '{"op": "and", "args": [true]}', '{"op": "not"}',
        '{"op": "=", "args": {"a": 1}}', '{"op": "=", "args": [{"property": 5}, 1]}',
        '{"op": "in", "args": [{"property": "status"}, []]}', '{"op": "=", "args": [{"property": "status"}, NaN]}',
        '{"op": "=", "args": [{"property": "reported_at"}, {"timestamp": 5}]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": "a"}]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": [[[1]]]}]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [1e999, 1]}]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"type": ["Point"]}]}',
        '{"op": "=", "args": [{"property": "status"}, "\\ud800"]}', '{"op": "=", "args": [{"property": "\\ud800"}, 1]}',
        '{"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [{}, 1, 2, 3]}]}',
        "[" * LONGEST, '{"op":"not","args":[' * 390, '{"op":"not","args":[' * 300 + "true" + "]}" * 300,
    ],
)  # fmt: skip
def test_trees_that_mean_nothing(tree: str, client: TestClient) -> None:
    answer = client.get(
        ITEMS.format("reports"), params={"filter": tree, "filter-lang": "cql2-json"}
    )
    if answer.status_code == 200:  # deep, but it means something
        assert tree.startswith('{"op":"not"')
        assert answer.json()["numberMatched"] > 0
        return
    assert answer.status_code == 400
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.json()["description"])


def test_other_parameters_of_a_condition(client: TestClient) -> None:
    for query in (
        "filter=TRUE&filter-lang=sql", "filter-crs=EPSG:4326&filter=TRUE",
        "filter=TRUE&filter=FALSE", "reported_at=x",
    ):  # fmt: skip
        assert client.get(f"{ITEMS.format('reports')}?{query}").status_code == 400
    for query in ("open=x", "filter=open%3D'x'", "filter=open<TRUE", "filter=open<1e999"):
        answer = client.get(f"{ITEMS.format('lanes')}?{query}")
        assert "数字" in answer.json()["description"]


WORDS = st.sampled_from(
    [
        *"()()(),=<>-+*/^{}[]\\'\"；汉😀\x00", *("<>", ">=", "NOT", "AND", "OR", "LIKE", "IN", "BETWEEN"),
        *("IS", "NULL", "TRUE", "status", '"lane_id"', "'x'", "'it''s'", "1", "-1", "1e999", "f("),
        *("CASEI(", "TIMESTAMP(", "'2026-01-01'", "BBOX(", "POINT(", "POLYGON((", "EMPTY"),
        *("geometry", "S_INTERSECTS("),
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        condition = condition_of(text)
    except Refused as refused:
        condition = str(refused)
    json.dumps(condition)


def test_like_is_linear(town: Town, workspace: Workspace) -> None:
    """A pattern that would keep a backtracking matcher busy for ever."""
    pattern = "a%" * 3_000
    offered = collection(town, workspace, "lanes")
    found = offered.find(Question(condition=condition_of(f"name LIKE '{pattern}b'")))
    np.testing.assert_array_equal(found, [])
