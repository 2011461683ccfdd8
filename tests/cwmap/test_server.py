"""Our own routes: what they answer, what they refuse, and that nothing else can be reached."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cwmap import server
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.ui.scene import scene_script


@pytest.fixture
def client(demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("CWMAP_WORKSPACE", str(demo_workspace.folder))
    app = Starlette(routes=server.routes(), middleware=server.middleware(("map", "gaps")))
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client


def test_every_answer_forbids_other_machines(client: TestClient) -> None:
    for path in ("/cwmap/health", "/cwmap/assets/map.js", "/cwmap/reports.json", "/nothing"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http:" not in policy
        assert "https:" not in policy
        assert "*" not in policy


def test_the_scene_is_kept_by_the_browser_only_under_its_own_name(
    client: TestClient, demo_town: Town
) -> None:
    digest, script = scene_script(demo_town)
    answer = client.get(f"/cwmap/scene-{digest}.js")
    assert answer.content == script
    assert "immutable" in answer.headers["cache-control"]
    old = client.get("/cwmap/scene-0123456789abcdef0123.js")
    assert old.content == script
    assert old.headers["cache-control"] == "no-store"


def test_the_heat_image_follows_filter_and_theme(client: TestClient) -> None:
    url = "/cwmap/heat.png?from=2026-09-01&category="
    images = {
        client.get(f"{url}{end}").content
        for end in ("", "road", "road&theme=dark", "road&bandwidth=300")
    }
    assert len(images) == 4
    assert all(image.startswith(b"\x89PNG") for image in images)


@pytest.mark.parametrize(
    "path",
    [
        "/cwmap/heat.png?from=yesterday", "/cwmap/heat.png?category=no-such-thing",
        "/cwmap/reports.json", "/cwmap/reports.json?bbox=1,2,3&zoom=4",
        "/cwmap/reports.json?bbox=a,b,c,d&zoom=4", "/cwmap/reports.json?bbox=1,2,3,4&zoom=nan",
        "/cwmap/reports.json?bbox=1,2,3,4&zoom=1e400", "/cwmap/reports.json?bbox=1,2,3,4&zoom=5&area=nowhere",
    ],
)  # fmt: skip
def test_a_bad_question_is_answered_in_a_chinese_sentence(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert any("\u4e00" <= c <= "\u9fff" for c in answer.json()["error"])


@pytest.mark.parametrize(
    "name",
    ["town.gpkg", "..%2Ftown.gpkg", "%2e%2e%2ftown.gpkg", "none.jpg", "..%5C..%5Cetc", "%00.jpg"],
)
def test_only_photos_are_handed_out(client: TestClient, name: str) -> None:
    assert client.get(f"/cwmap/photos/{name}").status_code in (400, 404)


def test_a_photo_is_handed_out(client: TestClient, demo_workspace: Workspace) -> None:
    folder = demo_workspace.folder / "photos"
    folder.mkdir(exist_ok=True)
    (folder / "井盖 1.JPG").write_bytes(b"\xff\xd8\xff\xd9")
    answer = client.get("/cwmap/photos/井盖 1.JPG")
    assert answer.content == b"\xff\xd8\xff\xd9"
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("path", ["map", "没有这页", "login", "index"])
def test_a_page_that_there_is_not_leads_to_the_start(client: TestClient, path: str) -> None:
    browser = {"accept": "text/html,application/xhtml+xml"}
    answer = client.get(f"/{path}?category=road", headers=browser, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/?category=road")
    for known in ("/", "/gaps?spot=P01", "/cwmap/health", "/favicon.png"):
        assert not client.get(known, headers=browser, follow_redirects=False).is_redirect


@pytest.mark.parametrize("path", ["/cwmap/assets/../server.py", "/cwmap/assets/%2e%2e/map.py"])
def test_no_source_is_handed_out(client: TestClient, path: str) -> None:
    assert b"import" not in client.get(path).content


def test_without_a_workspace_there_is_a_sentence(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("CWMAP_WORKSPACE", str(tmp_path_factory.mktemp("empty")))
    assert "没有工作区" in client.get("/cwmap/health").json()["error"]
