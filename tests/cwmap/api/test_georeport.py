"""Open311 GeoReport v2: its fields and rules, against the store."""

from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from starlette.testclient import TestClient

from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import layer_frame
from tests.cwmap.api.conftest import HOSTILE, PHONES

ROOT = "/cwmap/open311/v2"
FIELDS = (
    "service_request_id status status_notes service_name service_code description agency_responsible"
    " service_notice requested_datetime updated_datetime expected_datetime address address_id zipcode"
    " lat long media_url"
)


def requests(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"{ROOT}/requests.json?{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()
    return rows


def pages(client: TestClient, query: str) -> list[str]:
    got: list[str] = []
    for page in range(1, 50):
        rows = requests(client, f"{query}&page_size=97&page={page}")
        got += [row["service_request_id"] for row in rows]
        if len(rows) < 97:
            return got
    raise AssertionError("no last page")


def test_services_are_the_categories(client: TestClient, town: Town) -> None:
    rows = client.get(f"{ROOT}/services.json").json()
    assert [row["service_code"] for row in rows] == list(town.categories.codes)
    assert all(row["service_name"] and row["metadata"] is False for row in rows)
    one = client.get(f"{ROOT}/services/{rows[0]['service_code']}.json").json()
    assert one == {"service_code": rows[0]["service_code"], "attributes": []}
    assert client.get(f"{ROOT}/services/nothing.json").status_code == 404
    found = client.get("/cwmap/open311/discovery.json").json()
    assert found["endpoints"][0]["url"] == f"http://testserver{ROOT}"
    assert "application/json" in found["endpoints"][0]["formats"]


def test_requests_are_the_reports(client: TestClient, town: Town, workspace: Workspace) -> None:
    reports = layer_frame(town, workspace, "reports", Filter()).set_index("report_id")
    rows = requests(client, "start_date=2026-08-01T00:00:00%2B08:00&end_date=2026-10-20T00:00:00Z")
    assert rows
    for row in rows:
        assert " ".join(row) == FIELDS
        mine = reports.loc[row["service_request_id"]]
        assert pd.Timestamp(row["requested_datetime"]) == mine["reported_at"].floor("s")
        assert row["service_code"] == mine["category"]
        assert row["status"] == ("open" if mine["status"] in ("open", "assigned") else "closed")
        assert row["description"] == (None if pd.isna(mine["description"]) else mine["description"])
        assert row["lat"] is None if pd.isna(mine["lat"]) else row["lat"] == mine["lat"]
        assert row["expected_datetime"].endswith("Z")
    times = [row["requested_datetime"] for row in rows]
    assert times == sorted(times, reverse=True)


def test_periods(client: TestClient, town: Town, workspace: Workspace) -> None:
    reports = layer_frame(town, workspace, "reports", Filter())

    def between(first: str | pd.Timestamp, last: str | pd.Timestamp) -> set[str]:
        at = reports["reported_at"]
        return set(reports["report_id"][(at >= first) & (at <= last)])

    until = pd.Timestamp(town.reports.until, tz="UTC")
    usual = pages(client, "")
    assert len(usual) == len(set(usual))
    assert set(usual) == between(until - pd.Timedelta(days=90), until)
    start, end = "2026-07-01T00:00:00Z", "2026-09-29T00:00:00Z"
    span = between(start, end)
    assert len(span) > 97
    assert set(pages(client, f"start_date={start}")) == span  # 90 days from then
    assert set(pages(client, f"end_date={end}")) == span
    assert set(pages(client, f"start_date={start}&end_date={end}")) == span
    codes = reports.set_index("report_id")["category"]
    two = "06013,06010"
    mine = pages(client, f"start_date={start}&service_code={two}")
    assert set(mine) == {i for i in span if codes[i] in two}
    parts = [set(pages(client, f"start_date={start}&status={s}")) for s in ("open", "closed")]
    assert parts[0] | parts[1] == span
    assert not parts[0] & parts[1]


def test_requests_by_id(client: TestClient) -> None:
    for report_id in HOSTILE:
        answer = client.get(f"{ROOT}/requests/{quote(report_id, safe='')}.json")
        if "/" in report_id:  # an id with a slash is asked for as a parameter
            answer = client.get(f"{ROOT}/requests.json?service_request_id={quote(report_id)}")
        assert [row["service_request_id"] for row in answer.json()] == [report_id]
    both = requests(client, "service_request_id=H4,H5&status=open&start_date=nonsense")
    assert {row["service_request_id"] for row in both} == {"H4", "H5"}
    missing = client.get(f"{ROOT}/requests/none.json")
    assert missing.status_code == 404
    assert missing.json()[0]["code"] == 404


@pytest.mark.parametrize(
    "query",
    [
        "start_date=2026-01-01T00:00:00Z&end_date=2026-06-01T00:00:00Z", "start_date=yesterday",
        "start_date=2026-01-01T00:00:00Z/2026-01-02T00:00:00Z", "start_date=..", "status=done",
        "start_date=2026-02-01T00:00:00Z&end_date=2026-01-01T00:00:00Z", "service_code=nothing", "page=0",
        "page=-1", "page_size=x", "page=1e3", "page=99999999999999999999", "end_date=2026-01-01T00:00:00",
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(client: TestClient, query: str) -> None:
    for ending in ("json", "xml"):
        answer = client.get(f"{ROOT}/requests.{ending}?{query}")
        assert answer.status_code == 400
        assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.text)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert ET.fromstring(answer.content).findtext("error/code") == "400"


def test_xml_says_the_same(client: TestClient) -> None:
    query = "service_request_id=" + ",".join(quote(i) for i in HOSTILE)
    rows = requests(client, query)
    top = ET.fromstring(client.get(f"{ROOT}/requests.xml?{query}").content)
    assert top.tag == "service_requests"
    for row, element in zip(rows, top.iterfind("request"), strict=True):
        assert [child.tag for child in element] == list(row)
        for child in element:
            value = row[child.tag]
            assert (child.text or "") == ("" if value is None else str(value))
    services = ET.fromstring(client.get(f"{ROOT}/services.xml").content)
    assert services.findtext("service/metadata") == "false"
    found = ET.fromstring(client.get("/cwmap/open311/discovery.xml").content)
    assert [form.text for form in found.iter("format")] == ["text/xml", "application/json"]


def test_no_personal_data(client: TestClient) -> None:
    ids = ",".join(quote(i) for i in HOSTILE)
    text = client.get(f"{ROOT}/requests.json?service_request_id={ids}").text
    assert "139****5678" in text
    assert not any(secret in text for secret in PHONES)


def test_what_does_not_exist_is_told(client: TestClient) -> None:
    for path in (f"{ROOT}/requests.yaml", f"{ROOT}/nothing", "/cwmap/open311/"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "没有" in answer.json()[0]["description"]
