"""The journeys' own watch: what it must see, it sees."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Playwright

from tests.journeys.dashboard import Served
from tests.journeys.screen import Watch, asked_outside, browsing

ASKING = """<link rel=icon href="http://icon.example/"><img src="http://image.example/">
<script>
fetch('http://fetch.example/').catch(() => {});
new Worker(URL.createObjectURL(new Blob(['fetch("http://worker.example/")'])));
setTimeout(() => { console.error('said'); document.title = 'done'; throw Error('thrown') });
</script>"""


def test_the_watch_sees_what_goes_out(
    served: Served, player: Playwright, browser_path: Path, tmp_path: Path
) -> None:
    watch, net_log = Watch(), tmp_path / "log.json"
    with browsing(player, browser_path, net_log) as browser:
        context = browser.new_context(bypass_csp=True)  # the dashboard's policy refuses it all
        watch.over(context)
        page = context.new_page()
        page.goto(f"{served.url}/cwmap/health")
        page.set_content(ASKING)
        page.wait_for_function("document.title === 'done'")
    text = "\n".join(watch.found)
    for name in ("image", "fetch"):
        assert f"outside: http://{name}.example/" in text
    assert "console: said" in text
    assert "thrown" in text
    found = asked_outside(net_log)
    assert {f"http://{n}.example/" for n in ("image", "fetch", "worker")} <= set(found)
