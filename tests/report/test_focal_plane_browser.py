"""Coverage and focal plane in a real browser: choices change what is drawn and said."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.resources import INLINE

from adapters.registry import get_camera
from converter.report import coverage_figure, focal_plane_figure
from converter.report.coverage import make_coverage
from converter.report.focal_plane import FocalPlane, age, make_focal_plane
from converter.report.focal_plane_figure import AGE_COLOURS, AGES
from converter.report.lookups import MEANINGS, Lookups, State, read_lookups
from converter.report.state_marks import LOOKS

from ..sampling import FULL
from .covered import shared
from .test_focal_plane import made

pytestmark = pytest.mark.browser

CHROMIUM = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

PUT = "Bokeh.documents[0].get_model_by_name(arguments[0])[arguments[1]] = arguments[2]"
GET = "return Array.from(Bokeh.documents[0].get_model_by_name(arguments[0]).data[arguments[1]])"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real Chromium, skipped where there is none."""
    pytest.importorskip("selenium", reason="no browser tests: selenium is not installed")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("no browser tests: install chromium and chromium-driver")
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = programs[0]
    for argument in (*CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def lookups(tmp_path_factory: pytest.TempPathFactory) -> Lookups:
    return read_lookups(shared("HSC", tmp_path_factory), "HSC")


@pytest.fixture(scope="module")
def page(lookups: Lookups, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FocalPlane]:
    return write(lookups, tmp_path_factory.mktemp("pages") / "page.html")


def write(lookups: Lookups, path: Path) -> tuple[Path, FocalPlane]:
    plane = make_focal_plane(lookups, get_camera("hsc"))
    figures = (coverage_figure.build(make_coverage(lookups)), focal_plane_figure.build(plane))
    path.write_text(file_html(column(*figures, sizing_mode="stretch_width"), INLINE), encoding="utf-8")
    return path, plane


def open_page(browser: Any, path: Path, width: int = 1000) -> None:
    metrics = {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.as_uri())
    wait(browser, "const d = window.Bokeh?.documents[0]; return d && d.is_idle")
    wait(browser, "return Bokeh.documents[0].get_model_by_name('focal-plane-said').text")


def wait(browser: Any, script: str, *arguments: Any) -> Any:
    """What a script returns, once that is true."""
    end = time.monotonic() + 60
    while not (found := browser.execute_script(script, *arguments)):
        assert time.monotonic() < end, (script, browser.get_log("browser"))
        time.sleep(0.05)
    return found


def drawn(browser: Any, name: str) -> dict[int, Any]:
    """A column of the detectors, by detector."""
    ids = browser.execute_script(GET, "focal-plane-detectors", "detector")
    return dict(zip(ids, browser.execute_script(GET, "focal-plane-detectors", name), strict=True))


def said(browser: Any) -> str:
    """The text below the focal plane, as it is in the page."""
    return browser.execute_script(
        "const model = Bokeh.documents[0].get_model_by_name('focal-plane-said');"
        "return Bokeh.index.find_one(model).el.shadowRoot.textContent"
    )


def choose(browser: Any, plane: FocalPlane, night: int, dataset_type: str, mode: int = 0) -> None:
    browser.execute_script(PUT, "focal-plane-night", "value", str(plane.nights.index(night)))
    browser.execute_script(PUT, "focal-plane-type", "value", str(plane.types.index(dataset_type)))
    browser.execute_script(PUT, "focal-plane-mode", "active", mode)


def test_choices_change_colours_and_text(browser: Any, page: tuple[Path, FocalPlane]) -> None:
    path, plane = page
    open_page(browser, path)
    seen = set()
    # These have all states.
    cells = ((20141002, "bias"), (20141003, "bias"), (20141002, "dark"))
    for night, name in [(n, t) for n in plane.nights for t in plane.types] if FULL else cells:
        marks = plane.marks(night, name)
        choose(browser, plane, night, name)
        fills, hatches = drawn(browser, "fill"), drawn(browser, "hatch")
        assert fills == {d: LOOKS[m.state].fill for d, m in marks.items()}
        assert hatches == {d: LOOKS[m.state].hatch for d, m in marks.items()}
        assert all(
            said_of.startswith(MEANINGS[marks[d].state]) for d, said_of in drawn(browser, "said").items()
        )
        assert f"{name}, night {night}: " in said(browser)
        assert plane.note(night, name) in said(browser)
        seen |= set(fills.values())
        choose(browser, plane, night, name, mode=1)
        for detector, fill in drawn(browser, "fill").items():
            days = age(night, marks[detector].day)
            if days is not None:
                assert fill == AGE_COLOURS[sum(days >= low for low in AGES)]
    assert seen == {LOOKS[state].fill for state in State}


def test_keys_are_enough(browser: Any, page: tuple[Path, FocalPlane]) -> None:
    path, plane = page
    open_page(browser, path)
    choose(browser, plane, 20141001, "bias")
    script = (
        "return Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(arguments[0]))"
        ".el.shadowRoot.querySelector(arguments[1])"
    )
    select = browser.execute_script(script, "focal-plane-night", "select")
    browser.execute_script("arguments[0].focus()", select)
    select.send_keys("\ue015")  # arrow down
    assert "bias, night 20141002: missing: detector 50." in said(browser)
    assert drawn(browser, "fill")[50] == LOOKS[State.MISSING].fill
    browser.execute_script(script, "focal-plane-mode", "input").send_keys("\ue014")  # arrow right
    assert drawn(browser, "fill")[49] == AGE_COLOURS[1]
    assert (
        browser.execute_script("return Bokeh.documents[0].get_model_by_name('focal-plane-mode').active") == 1
    )


@pytest.mark.parametrize("width", [1000, 400])
def test_page_fits_and_the_plane_is_not_stretched(
    browser: Any, page: tuple[Path, FocalPlane], width: int
) -> None:
    open_page(browser, page[0], width)
    inside, outside = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert inside <= outside
    x, y = browser.execute_script(
        """
        const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("focal-plane"))
        const length = (scale) => Math.abs(scale.compute(100) - scale.compute(0))
        return [length(view.frame.x_scale), length(view.frame.y_scale)]
        """
    )
    assert x == pytest.approx(y, rel=0.02)
    # The whole plane is in the frame: HSC is about 530 mm wide.
    assert 530 * x / 100 < width


def test_console_and_network_are_silent(browser: Any, page: tuple[Path, FocalPlane]) -> None:
    open_page(browser, page[0])
    choose(browser, page[1], 20141003, "flat", mode=1)
    assert [e["message"] for e in browser.get_log("browser") if e["level"] != "INFO"] == []
    requests = [e["message"] for e in browser.get_log("performance") if "requestWillBeSent" in e["message"]]
    found = [json.loads(request)["message"]["params"] for request in requests]
    urls = [params["request"]["url"] for params in found if "request" in params]
    assert urls and all(url.startswith(("file:", "data:", "blob:")) for url in urls)


def test_cells_say_what_is_missing(browser: Any, page: tuple[Path, FocalPlane], lookups: Lookups) -> None:
    open_page(browser, page[0])
    coverage = make_coverage(lookups)
    for state in (State.OK, State.UNBOUNDED, State.AMBIGUOUS, State.MISSING):
        name = f"coverage-{MEANINGS[state].lower()}"
        xs, ys = (browser.execute_script(GET, name, axis) for axis in ("x", "row"))
        found = {(coverage.nights[x], coverage.types[y]) for x, y in zip(xs, ys, strict=True)}
        assert found == {(c.night, c.dataset_type) for c in coverage.cells if c.worst is state}
    text = hover(browser, coverage.nights.index(20141002), coverage.types.index("bias"))
    assert "20141002" in text and "bias" in text
    assert "missing detector 50" in text


def hover(browser: Any, x: int, y: int) -> str:
    """Move the mouse to a cell, and give what the page says there."""
    from selenium.webdriver import ActionChains

    left, top = browser.execute_script(
        """
        const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("coverage"))
        const box = view.canvas_view.el.getBoundingClientRect()
        return [box.left + view.frame.x_scale.compute(arguments[0]), box.top + view.frame.y_scale.compute(arguments[1])]
        """,
        x + 0.25,
        y,
    )
    for step in (0, 1):
        actions = ActionChains(browser)
        actions.w3c_actions.pointer_action.move_to_location(int(left) + step, int(top))
        actions.perform()
    return wait(
        browser,
        """
        const texts = []
        const look = (node) => {
          for (const child of node.querySelectorAll("*")) {
            if (child.shadowRoot) {
              if (child.classList.contains("bk-Tooltip") && child.checkVisibility()) texts.push(child.textContent + child.shadowRoot.textContent)
              look(child.shadowRoot)
            }
          }
        }
        look(document)
        return texts.join(" ")
        """,
    )


def test_hundreds_of_nights(browser: Any, tmp_path: Path) -> None:
    """All at first, without letters; then 60 of them, with letters."""
    path, plane = write(made(200, 3), tmp_path / "page.html")
    open_page(browser, path)
    letters = """
        const plot = Bokeh.documents[0].get_model_by_name("coverage")
        return plot.renderers.filter((r) => r.glyph.type === "Text").map((r) => r.visible)
    """
    assert browser.execute_script(letters) == [False] * 4
    browser.execute_script(PUT, "coverage-nights", "value", "60 119")
    assert browser.execute_script(letters) == [True] * 4
    range_ = "const r = Bokeh.documents[0].get_model_by_name('coverage-x'); return [r.start, r.end]"
    assert browser.execute_script(range_) == [59.5, 119.5]
    assert len(plane.nights) == 200
