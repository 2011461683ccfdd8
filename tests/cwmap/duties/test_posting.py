"""Lane boards from the register: everybody who answers for a lane, and no phone without leave."""

from collections.abc import Iterator

import pytest

from cwmap import office
from cwmap.duties import boards, duties, posting
from cwmap.errors import CwmapError
from cwmap.store import Workspace
from cwmap.town import Town, open_town


@pytest.fixture
def decided(demo_workspace: Workspace) -> Iterator[Workspace]:
    before = office.settings(demo_workspace)
    yield demo_workspace
    office.change(demo_workspace, before)


def test_a_board_has_everybody_of_the_register(demo_town: Town) -> None:
    lanes = [str(i) for i in demo_town.layers["lanes"].index]
    made = posting.lane_boards(demo_town, lanes)
    assert [b.lane_id for b in made] == lanes
    for board in made:
        people = duties.people(demo_town, f"lanes/{board.lane_id}")
        wanted = sorted(duties.shown(people).dropna())
        assert sorted(p.name for p in board.people if p.name) == wanted
        empty = {p.role for p in board.people if not p.name}
        held = set(people["role"])
        assert len(empty) == len(set(duties.EXPECTED) - held)
        assert board.synthetic
        assert all(p.phone == "" for p in board.people)
        assert board.url == ""  # nobody said where the dashboard is


def test_the_office_decides_about_phones_and_the_address(decided: Workspace) -> None:
    office.change(
        decided, {"boards_show_phones": True, "hotline": "0939-12345", "office": "示例镇创卫办"}
    )
    town = open_town(decided)
    lane = str(town.layers["lanes"].index[3])
    (board,) = posting.lane_boards(town, [lane], address="http://10.0.0.8:8501/")
    assert any(p.phone.startswith("138") for p in board.people)
    assert (board.hotline, board.office) == ("0939-12345", "示例镇创卫办")
    assert board.url == f"http://10.0.0.8:8501/duties?pick=lanes%3A{lane}"
    office.change(decided, {"address": "https://cw.example/"})
    (board,) = posting.lane_boards(open_town(decided), [lane], address="http://10.0.0.8:8501")
    assert board.url.startswith("https://cw.example/duties?")
    assert boards.boards([board], "A4").startswith(b"%PDF")


def test_a_lane_that_does_not_exist_is_told(demo_town: Town) -> None:
    with pytest.raises(CwmapError, match="没有编号为“没有”的巷道"):
        posting.lane_boards(demo_town, ["没有"])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"hours": "早九晚五"}, "上班时间"), ({"hours": "18:00-09:00"}, "上班时间"), ({"workdays": "never"}, "工作日"),
        ({"address": "10.1.2.3"}, "看板网址"), ({"name": "  "}, "城镇名称"), ({"office": "办" * 61}, "办公室"),
    ],
)  # fmt: skip
def test_unfit_settings_change_nothing(
    decided: Workspace, wanted: dict[str, str], said: str
) -> None:
    before, revision = office.settings(decided), decided.revision()
    with pytest.raises(CwmapError, match=said):
        office.change(decided, wanted | {"hotline": "110"})
    assert office.settings(decided) == before
    assert decided.revision() == revision


def test_a_changed_setting_is_seen_by_an_open_dashboard(decided: Workspace) -> None:
    revision = decided.revision()
    office.change(decided, {"hotline": "12345"})
    assert decided.revision() == revision + 1
    office.change(decided, {"hotline": "12345"})  # the same again changes nothing
    assert decided.revision() == revision + 1
