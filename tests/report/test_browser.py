"""Reports in a real browser: what is drawn, found, reached and said there."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from converter.ledger import Ledger
from converter.nouns import UsageError
from converter.recipe import recipe_from_dict
from converter.report.model import Bar, Report, Row, Table
from converter.report.read import read_report
from converter.report.render import render
from converter.timespans import DAY, SECOND, Span, format_tai

from .conftest import HOSTILE, World

pytestmark = pytest.mark.browser

FULL = bool(os.environ.get("GEN2TO3_FULL"))
SECONDS = 5
MEGABYTES = 15


@pytest.fixture(scope="module")
def report(world: World) -> Report:
    last = Ledger(world.ledger).last_recipe()
    assert last is not None
    return read_report(str(world.target), recipe_from_dict(last), world.ledger)


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(report, tmp_path_factory.mktemp("pages") / "report.html")


def write(report: Report, path: Path) -> Path:
    path.write_text(render(report), encoding="utf-8")
    return path


def open_page(browser: Any, page: Path, width: int = 1200) -> None:
    """Open a page and wait until all of it is there."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(page.as_uri())
    wait(browser, "return document.documentElement.dataset.ready === 'yes'")


def wait(browser: Any, script: str, seconds: float = 60) -> Any:
    """What a script returns, once that is true."""
    end = time.monotonic() + seconds
    while not (found := browser.execute_script(script)):
        if time.monotonic() > end:
            problems = [entry["message"] for entry in browser.get_log("browser")]
            raise AssertionError(f"never true: {script}; {problems}")
        time.sleep(0.05)
    return found


def problems(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] != "INFO"]


def keys(browser: Any, *pressed: str) -> None:
    from selenium.webdriver import ActionChains

    actions = ActionChains(browser)
    for key in pressed:
        actions.send_keys(key)
    actions.perform()


def rows(browser: Any, name: str) -> list[list[str]]:
    return browser.execute_script(
        "return Array.from(document.querySelectorAll(`#${arguments[0]}-list tbody tr`),"
        " (row) => Array.from(row.cells, (cell) => cell.textContent))",
        name,
    )


def search(browser: Any, name: str, text: str) -> str:
    """Type into a search field, and give what is said of the result."""
    field = browser.find_element("id", f"{name}-search")
    field.send_keys("\ue009a\ue009\ue003", text)  # Control and A, then Backspace
    return browser.find_element("css selector", f"#{name}-list .state").text


def hover(browser: Any, source: str, number: int) -> str:
    """Move the mouse to the middle of a bar, and give what the page says there."""
    from selenium.webdriver import ActionChains

    browser.execute_script("document.getElementById('figure-timeline').scrollIntoView()")
    x, y = browser.execute_script(
        """
        const doc = Bokeh.documents[0]
        const view = Bokeh.index.find_one(doc.get_model_by_name("timeline"))
        const d = doc.get_model_by_name(arguments[0]).data, i = arguments[1]
        const box = view.canvas_view.el.getBoundingClientRect()
        const x = view.frame.x_scale, y = view.frame.y_scale
        return [box.left + x.compute((d.left[i] + d.right[i]) / 2), box.top + y.compute((d.bottom[i] + d.top[i]) / 2)]
        """,
        source,
        number,
    )
    for step in (0, 1):
        actions = ActionChains(browser)
        actions.w3c_actions.pointer_action.move_to_location(int(x) + step, int(y))
        actions.perform()
    return wait(
        browser,
        """
        const found = []
        function look(node) {
          for (const child of node.children || []) {
            if (child.matches(".bk-Tooltip") && getComputedStyle(child).display !== "none")
              found.push(child.shadowRoot.querySelector(".bk-tooltip-content").innerText)
            look(child)
            if (child.shadowRoot) look(child.shadowRoot)
          }
        }
        look(document.body)
        return found.join("\\n")
        """,
    )


def test_nothing_is_fetched_and_nothing_complains(browser, page):
    open_page(browser, page)
    assert problems(browser) == []
    asked = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert page.as_uri() in asked
    assert {url.partition(":")[0] for url in asked if url != page.as_uri()} <= {"data", "blob"}


def test_bars_are_drawn_where_the_ranges_are(browser, page, report):
    open_page(browser, page)
    for name, lane, odd in (
        ("gen2", "before", False),
        ("gen2-odd", "before", True),
        ("gen3", "after", False),
        ("gen3-odd", "after", True),
    ):
        data = browser.execute_script(
            "const d = Bokeh.documents[0].get_model_by_name(arguments[0]).data\n"
            "return [d.left, d.right, d.bottom].map((x) => Array.from(x))",
            name,
        )
        wanted = [
            (bar.span.begin / 1e6, bar.span.end / 1e6, n)
            for n, row in enumerate(report.timeline.rows)
            for bar in getattr(row, lane)
            if bar.is_odd is odd
        ]
        assert [(a, b, int(y)) for a, b, y in zip(*data, strict=True)] == wanted
    drawn = browser.execute_script(
        "return Bokeh.documents[0].get_model_by_name('overlaps').data_source.data.left.length"
    )
    assert drawn == sum(len(row.overlaps) for row in report.timeline.rows) == 1
    ends = browser.execute_script(
        "return Bokeh.documents[0].get_model_by_name('moved-ends').data_source.data.x.length"
    )
    assert ends == sum(row.moved_ends for row in report.timeline.rows) > 0


def test_hover_says_dataset_run_texts_and_decision(browser, page, report):
    open_page(browser, page)
    row, bar = next((row, bar) for row in report.timeline.rows for bar in row.after)
    assert hover(browser, "gen3", 0).splitlines() == [
        "Gen3",
        f"dataset: {row.dataset_type} detector {row.detectors[0]}",
        f"RUN: {bar.master}",
        f"from (TAI): {format_tai(bar.span.begin)}",
        f"to (TAI): {format_tai(bar.span.end)}",
        f"original text: {bar.original}",
        f"decision: {bar.decisions[0]}",
        "collection: HSC/calib/gen2",
    ]


def test_every_range_is_in_a_table_too(browser, page, report):
    open_page(browser, page)
    browser.find_element("css selector", "#ranges > summary").click()
    total = sum(len(row.before) + len(row.after) for row in report.timeline.rows)
    state = "#ranges-list .state"
    wait(browser, f"return document.querySelector('{state}').textContent.endsWith('of {total}')")
    bar = report.timeline.rows[0].after[0]
    assert [
        "Gen3",
        "bias detector 41",
        bar.master,
        format_tai(bar.span.begin),
        format_tai(bar.span.end),
        bar.original,
        bar.decisions[0],
        "HSC/calib/gen2",
    ] in rows(browser, "ranges")
    assert search(browser, "ranges", "gen2, not certified").startswith("1 to ")
    assert all(row[0] == "Gen2, not certified" for row in rows(browser, "ranges"))


def test_search(browser, page, report):
    open_page(browser, page)
    table = next(t for t in report.lists if t.name == "rejects")
    assert search(browser, "rejects", "").endswith(f"of {len(table.rows)}")
    assert search(browser, "rejects", "FILE not Found:") == f"1 to 1 of 1 found in {len(table.rows)}"
    ((item, reason, *_),) = rows(browser, "rejects")
    assert "table bias row" in item and reason.startswith("file not found")
    assert search(browser, "rejects", "no such words") == f"none of 0 found in {len(table.rows)}"
    assert rows(browser, "rejects") == []


def test_hostile_texts_are_shown_and_not_run(browser, report, tmp_path):
    first = report.timeline.rows[0]
    bars = tuple(dataclasses.replace(b, original=HOSTILE, decisions=(HOSTILE,)) for b in first.after)
    row = dataclasses.replace(first, dataset_type=f"bias{HOSTILE}", after=bars)
    timeline = dataclasses.replace(report.timeline, rows=(row, *report.timeline.rows[1:]))
    open_page(browser, write(dataclasses.replace(report, timeline=timeline), tmp_path / "hostile.html"))
    said = hover(browser, "gen3", 0)
    assert f"original text: {HOSTILE}" in said and f"decision: {HOSTILE}" in said
    browser.find_element("css selector", "#ranges > summary").click()
    wait(browser, "return document.querySelectorAll('#ranges-list tbody tr').length > 0")
    assert any(HOSTILE in cell for cells in rows(browser, "ranges") for cell in cells)
    assert search(browser, "rejects", "window.hacked = 1</script>").startswith("1 to 1 of 1")
    assert any(HOSTILE in cell for cells in rows(browser, "rejects") for cell in cells)
    assert browser.execute_script("return window.hacked === undefined")
    assert (
        browser.execute_script("return document.querySelectorAll('main script:not(.rows), main img').length")
        == 0
    )
    assert problems(browser) == []


def test_keyboard(browser, page):
    open_page(browser, page)
    tab, enter, space = "\ue004", "\ue007", "\ue00d"
    keys(browser, tab)
    assert browser.execute_script("return document.activeElement.className") == "skip"
    box = browser.execute_script("return document.activeElement.getBoundingClientRect().left")
    assert box >= 0  # seen while it has the focus
    keys(browser, enter)
    assert browser.execute_script("return document.activeElement.id") == "main"

    reached = []
    for _ in range(120):
        keys(browser, tab)
        reached.append(
            browser.execute_script(
                "const e = document.activeElement; return e.id || e.dataset.move || e.parentElement.id || e.tagName"
            )
        )
        if reached[-1] == "in":
            before = browser.execute_script(WIDTH)
            keys(browser, enter)
            assert browser.execute_script(WIDTH) == pytest.approx(before / 2)
            outline = "return getComputedStyle(document.activeElement).outlineStyle"
            assert browser.execute_script(outline) != "none"
        if reached[-1] == "timeline-rows":
            keys(browser, space)
            assert browser.execute_script("return document.getElementById('timeline-rows').open")
        if reached[-1] == "skips-search":
            break
    wanted = ["all", "exposures", "in", "out", "back", "on", "timeline-rows", "timeline-rows-search"]
    wanted += ["ranges", "decisions-search", "rejects-search", "skips-search"]
    assert [name for name in reached if name in wanted] == wanted


WIDTH = "const x = Bokeh.documents[0].get_model_by_name('timeline-x'); return x.end - x.start"


def test_buttons_stay_within_what_there_is(browser, page):
    open_page(browser, page)
    bounds = browser.execute_script("return Bokeh.documents[0].get_model_by_name('timeline-x').bounds")

    def press(name: str) -> list[float]:
        browser.find_element("css selector", f"[data-move={name}]").click()
        return browser.execute_script(
            "const x = Bokeh.documents[0].get_model_by_name('timeline-x'); return [x.start, x.end]"
        )

    assert press("all") == bounds
    assert press("out") == bounds and press("back") == bounds
    begin, end = press("exposures")
    exposures = browser.execute_script(
        "return Array.from(Bokeh.documents[0].get_model_by_name('exposures').data.left)"
    )
    assert len(exposures) == 6 and bounds[0] < begin < min(exposures) < max(exposures) < end < bounds[1]
    later = press("on")
    assert later[0] == pytest.approx((begin + end) / 2)


def test_a_narrow_window(browser, page):
    open_page(browser, page, width=400)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    boxes = browser.execute_script(
        "return ['figure-timeline'].map((id) => document.getElementById(id).getBoundingClientRect().width)"
    )
    assert all(300 < width <= 400 for width in boxes)
    frame = browser.execute_script(
        "return Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name('timeline')).frame.bbox.width"
    )
    assert frame > 180
    # What is wider than the window is moved in a part of its own, which the keyboard reaches.
    assert browser.execute_script(
        "return Array.from(document.querySelectorAll('.scroll')).every((e) => e.tabIndex === 0)"
    )
    assert problems(browser) == []


def many(report: Report, masters: int = 30_000, detectors: int = 100) -> Report:
    """As many masters, none like another one, and as many skips."""
    day = DAY
    begin = report.timeline.exposures[0].span.begin
    assert begin is not None
    each = masters // detectors
    made = []
    for detector in range(detectors):
        shift = detector * 60 * SECOND
        spans = [Span(begin + n * day + shift, begin + (n + 1) * day + shift) for n in range(each)]
        before = tuple(Bar(s, f"{n:08d}T000000Z", "", f"{n:08d} .. {n + 1:08d}") for n, s in enumerate(spans))
        after = tuple(
            Bar(
                s,
                f"HSC/calib/gen2/{n:08d}T000000Z",
                "HSC/calib/gen2",
                before[n].original,
                ("a: b",),
                n % 3 == 0,
            )
            for n, s in enumerate(spans)
        )
        made.append(Row("bias", "", (detector,), before, after, tuple(spans[::10])))
    skips = Table(
        "skips",
        "Skips",
        ("item", "reason", "file", "conversion"),
        tuple(
            (f"/a/repository/CALIB/BIAS/NONE/BIAS-{n:08d}.fits", f"no row in table bias {n % 7}", "", 1)
            for n in range(masters)
        ),
    )
    return dataclasses.replace(
        report,
        timeline=dataclasses.replace(report.timeline, rows=tuple(made)),
        lists=tuple(skips if table.name == "skips" else table for table in report.lists),
    )


def opens(browser: Any, page: Path) -> float:
    """Seconds of processor time until all is drawn."""
    browser.execute_cdp_cmd("Performance.disable", {})
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    open_page(browser, page)
    browser.execute_script("return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def test_thirty_thousand_masters(browser, report, tmp_path):
    page = write(many(report), tmp_path / "many.html")
    assert page.stat().st_size < MEGABYTES * 1_000_000
    assert opens(browser, page) < SECONDS
    assert search(browser, "skips", "BIAS-00029999") == "1 to 1 of 1 found in 30000"
    search(browser, "skips", "")
    browser.find_element("css selector", "#skips-list .on").click()
    assert len(rows(browser, "skips")) == 50
    assert rows(browser, "skips")[0][0].endswith("BIAS-00000050.fits")
    # Rows are shown a page at a time; the last page is as high as the others.
    from selenium.webdriver.support.select import Select

    choice = Select(browser.find_element("id", "timeline-page"))
    choice.select_by_index(len(choice.options) - 1)
    shown = browser.execute_script(
        "const y = Bokeh.documents[0].get_model_by_name('timeline-y'); return [y.end, y.start]"
    )
    assert shown == [80, 100]
    browser.find_element("css selector", "#ranges > summary").click()
    wait(browser, "return document.querySelector('#ranges-list .state').textContent.endsWith('of 60000')")
    assert search(browser, "ranges", "detector 99 HSC/calib/gen2/00000250T000000Z").startswith("1 to 1 of 1 ")
    assert problems(browser) == []


@pytest.mark.skipif(not FULL, reason="set GEN2TO3_FULL=1: converts 30,000 masters and 20,000 raws")
def test_a_real_large_repository(browser, tmp_path):
    from converter.convert import convert
    from converter.recipe import Recipe
    from converter.report.make import make_report
    from fixtures.large import make_large

    made = make_large(tmp_path / "gen2")
    recipe = Recipe(str(made.root))
    outcome = convert(recipe, str(tmp_path / "gen3"))
    page = tmp_path / "large.html"
    ledger = tmp_path / "gen3/gen2to3.sqlite3"
    report = make_report(str(tmp_path / "gen3"), page, recipe, ledger, verification=outcome.verification)
    assert sum(len(row.after) * len(row.detectors) for row in report.timeline.rows) == 30_000
    assert page.stat().st_size < MEGABYTES * 1_000_000
    assert opens(browser, page) < SECONDS and problems(browser) == []


def test_a_repository_without_ranges(browser, report, tmp_path):
    empty = dataclasses.replace(report, timeline=dataclasses.replace(report.timeline, rows=()))
    open_page(browser, write(empty, tmp_path / "empty.html"))
    assert "There are no ranges." in browser.find_element("id", "timeline").text
    assert problems(browser) == []


def test_open_ends_have_arrows(browser, report, tmp_path):
    row = report.timeline.rows[0]
    bars = (dataclasses.replace(row.after[0], span=Span(None, row.after[0].span.end)), *row.after[1:])
    timeline = dataclasses.replace(report.timeline, rows=(dataclasses.replace(row, after=bars),))
    open_page(browser, write(dataclasses.replace(report, timeline=timeline), tmp_path / "open.html"))
    arrows = "return Array.from(Bokeh.documents[0].get_model_by_name('open-ends').data.x)"
    (first,) = browser.execute_script(arrows)
    begin, end = browser.execute_script(
        "const x = Bokeh.documents[0].get_model_by_name('timeline-x'); return [x.start, x.end]"
    )
    assert begin < first < begin + 0.05 * (end - begin)
    assert "from (TAI): unbounded" in hover(browser, "gen3", 0)
    # It follows what is shown.
    browser.find_element("css selector", "[data-move=all]").click()
    low, high = browser.execute_script("return Bokeh.documents[0].get_model_by_name('timeline-x').bounds")
    (moved,) = browser.execute_script(arrows)
    assert low < moved < low + 0.05 * (high - low)


def test_no_repository_is_no_page(tmp_path):
    with pytest.raises(UsageError):
        read_report(str(tmp_path / "none"))
