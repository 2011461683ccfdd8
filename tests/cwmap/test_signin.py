"""Staying signed in: the ticket, the cookie, and everything that ends them."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cwmap import access, server, signin
from cwmap.access import Account
from cwmap.store import Workspace

HERE = "http://testserver"
SECRET = "八位以上的新口令"


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("CWMAP_WORKSPACE", str(workspace.folder))
    with TestClient(Starlette(routes=server.routes()), base_url=HERE) as client:
        yield client


@pytest.fixture
def office(workspace: Workspace) -> Account:
    return access.add(workspace, "张某某", SECRET, "office")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that `signin` sees, to be moved on."""
    now = [1_790_000_000.0]
    monkeypatch.setattr(signin.time, "time", lambda: now[0])
    return now


def take(client: TestClient, ticket: str, origin: str | None = HERE) -> int:
    headers = {"cwmap-ticket": ticket, **({"origin": origin} if origin else {})}
    return client.post("/cwmap/session", headers=headers).status_code


def held(client: TestClient, workspace: Workspace) -> Account | None:
    """Who the browser is, by its cookie alone."""
    token = client.cookies.get(signin.cookie(workspace))
    return signin.account(workspace, signin.key(token)) if token else None


def test_a_ticket_becomes_a_cookie_that_no_script_can_read(
    client: TestClient, workspace: Workspace, office: Account
) -> None:
    key, ticket = signin.begin(workspace, office)
    assert signin.waits(ticket)
    answer = client.post("/cwmap/session", headers={"cwmap-ticket": ticket, "origin": HERE})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= words
    assert not {"secure"} & words
    assert held(client, workspace) == office
    token = client.cookies[signin.cookie(workspace)]
    assert signin.key(token) == key
    kept = (workspace.folder / signin.FILE).read_text(encoding="utf-8")
    for secret in (token, ticket, SECRET, office.salt, office.hash, office.name):
        assert secret not in kept
    assert not signin.waits(ticket)
    assert take(client, ticket) == 403  # used
    assert held(client, workspace) == office


def test_the_cookie_is_for_https_only_where_the_page_came_by_it(
    client: TestClient, workspace: Workspace, office: Account
) -> None:
    headers = {"cwmap-ticket": signin.begin(workspace, office)[1], "origin": "https://testserver"}
    answer = client.post("/cwmap/session", headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "origin",
    [None, "null", "", "http://evil.example", "http://testserver:8502", "http://testserver.evil.example", "testserver"],
)  # fmt: skip
def test_another_page_gets_nothing(
    client: TestClient, workspace: Workspace, office: Account, origin: str | None
) -> None:
    ticket = signin.begin(workspace, office)[1]
    assert take(client, ticket, origin) == 403
    assert not client.cookies
    assert signin.waits(ticket)  # and does not use it up for the page that it is for
    assert client.get("/cwmap/session", headers={"cwmap-ticket": ticket}).status_code == 405


def test_only_a_ticket_of_now_is_good(
    client: TestClient, workspace: Workspace, office: Account, clock: list[float]
) -> None:
    ticket = signin.begin(workspace, office)[1]
    clock[0] += signin.TICKET_S
    assert not signin.waits(ticket)
    for wrong in (ticket, "", "x" * 43, signin.key(ticket)):
        headers = {"cwmap-ticket": wrong, "origin": HERE}
        answer = client.post("/cwmap/session", headers=headers)
        assert answer.status_code == 403
        assert any("\u4e00" <= c <= "\u9fff" for c in answer.json()["error"])
    assert not client.cookies


def test_after_hours_of_nothing_it_ends(
    client: TestClient, workspace: Workspace, office: Account, clock: list[float]
) -> None:
    take(client, signin.begin(workspace, office)[1])
    for _ in range(5):  # used now and then it goes on
        clock[0] += signin.IDLE_S * 0.9
        assert held(client, workspace) == office
    clock[0] += signin.IDLE_S + 1
    assert held(client, workspace) is None
    other = signin.begin(workspace, office)[0]
    assert list(signin._read(workspace.folder)) == [other]  # what is over is not kept


def test_a_changed_or_removed_account_opens_nothing(
    client: TestClient, workspace: Workspace, office: Account
) -> None:
    unit = access.add(workspace, "李某某", SECRET, "unit", "区住建局")

    def signed_in(account: Account) -> bool:
        assert take(client, signin.begin(workspace, account)[1]) == 204
        return held(client, workspace) == account

    assert signed_in(unit)
    unit = access.change(workspace, "李某某", password="另一个口令八位数")
    assert held(client, workspace) is None
    assert signed_in(unit)
    unit = access.change(workspace, "李某某", role="leader")
    assert held(client, workspace) is None
    assert signed_in(unit)
    access.remove(workspace, "李某某")
    assert held(client, workspace) is None
    # The same name, made anew with the same words, is somebody else.
    access.add(workspace, "李某某", "另一个口令八位数", "leader", "区住建局")
    assert held(client, workspace) is None


def test_two_browsers_two_accounts_and_one_signs_out(
    client: TestClient, workspace: Workspace, office: Account
) -> None:
    unit = access.add(workspace, "李某某", SECRET, "unit", "区住建局")
    with TestClient(client.app, base_url=HERE) as other:
        take(client, signin.begin(workspace, office)[1])
        take(other, signin.begin(workspace, unit)[1])
        assert (held(client, workspace), held(other, workspace)) == (office, unit)
        stolen = signin.key(client.cookies[signin.cookie(workspace)])
        assert take(client, signin.forgetting()) == 204
        assert not client.cookies
        assert signin.account(workspace, stolen) is None
        assert held(other, workspace) == unit
        # Who signs in as another one on a browser is not the first one any more.
        first = signin.key(other.cookies[signin.cookie(workspace)])
        take(other, signin.begin(workspace, office)[1])
        assert held(other, workspace) == office
        assert signin.account(workspace, first) is None


def test_it_outlives_the_server_but_not_a_damaged_file(
    client: TestClient, workspace: Workspace, office: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(client, signin.begin(workspace, office)[1])
    monkeypatch.setattr(signin, "_TICKETS", {})  # all that a process holds
    assert held(client, workspace) == office
    for text in ("", "[]", '{"a": 1}', '{"a": {"seal": "b"}}', "\x00"):
        (workspace.folder / signin.FILE).write_text(text, encoding="utf-8")
        assert held(client, workspace) is None
        assert take(client, signin.begin(workspace, office)[1]) == 204
        assert held(client, workspace) == office
