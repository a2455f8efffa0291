"""The page in a real browser: nothing broken, nothing loaded, nothing to scroll sideways for."""

import struct

import pytest
from browser import Browser, find
from test_page import render

from reproduction.engine.provenance import ROOT
from reproduction.show import page

PROGRAM = find()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium; on Debian: apt-get install chromium"
)
# A4 between margins of 1.5 cm, in CSS pixels.
PRINTED_WIDTH = 680

# Elements that stick out of the window and do not sit in a container that scrolls.
STICKING_OUT = """[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") &&
  e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page of the committed results, made anew: the committed file has a test of its own."""
    made = tmp_path_factory.mktemp("page")
    (made / page.NAME).write_text(render(ROOT / "results"), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser(folder):
    with Browser(PROGRAM, folder) as running:
        yield running


@pytest.fixture(scope="module")
def url(folder):
    return (folder / page.NAME).as_uri()


def told(browser: Browser) -> list:
    """Complaints on the console: errors, warnings, exceptions, policy violations."""
    return [
        (method, parameters)
        for method, parameters in browser.events
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        or (method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"))
        or method == "Network.loadingFailed"
    ]


def test_the_browser_tells_of_what_is_wrong(browser, folder):
    """The instrument itself: a page with an error, a broken image and a wide box."""
    (folder / "bad.html").write_text(
        "<!DOCTYPE html><meta name='viewport' content='width=device-width, minimum-scale=1'>"
        "<body style='margin:0'><img src='absent.png'>"
        "<div style='width:900px'>wide</div><script>console.error('so')</script>"
    )
    browser.open((folder / "bad.html").as_uri(), 360)
    assert {method for method, _ in told(browser)} >= {
        "Runtime.consoleAPICalled",
        "Network.loadingFailed",
    }
    assert browser.ask("document.images[0].naturalWidth") == 0
    assert browser.ask("document.documentElement.scrollWidth") > 360
    assert browser.ask(STICKING_OUT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_opens_whole(browser, url, width, scheme):
    browser.open(url, width, scheme=scheme)
    assert told(browser) == []
    asked = [p["request"]["url"] for m, p in browser.events if m == "Network.requestWillBeSent"]
    assert url in asked
    assert [other for other in asked if other != url and not other.startswith("data:")] == []
    widths = browser.ask("[...document.images].map(i => i.complete ? i.naturalWidth : 0)")
    assert widths and min(widths) > 0
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask(STICKING_OUT) == []
    title = browser.ask("document.querySelector('h1').textContent")
    assert "Neural network potentials" in title
    picture = browser.screenshot()
    assert picture.startswith(b"\x89PNG")
    wide, high = struct.unpack(">II", picture[16:24])
    assert wide == width and high > 800


def test_text_stands_out_in_both_schemes(browser, url):
    """Contrast of text and background, by WCAG's formula, is at least 4.5."""
    contrast = """(() => {
      const parse = c => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
      const light = c => { const [r, g, b] = parse(c).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const paper = light(getComputedStyle(document.body).backgroundColor);
      return Math.min(...["body", ".note", ".lead", "a", ".full", ".half", ".cross", ".dash"]
        .map(s => document.querySelector(s)).filter(e => e)
        .map(e => light(getComputedStyle(e).color))
        .map(l => (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05)));
    })()"""
    papers = []
    for scheme in ("light", "dark"):
        browser.open(url, 1280, scheme=scheme)
        assert browser.ask(contrast) > 4.5
        papers.append(browser.ask("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1]


def test_wide_tables_scroll_in_their_own_container(browser, url):
    browser.open(url, 360)
    wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
    assert browser.ask(f"{wide}.length") > 0
    assert browser.ask(f"{wide}.every(e => e.tabIndex === 0 && e.getAttribute('aria-label'))")


def test_columns_that_matter_less_are_behind_a_toggle(browser, url):
    shows = "document.querySelector('#table4 td.minor').checkVisibility()"
    browser.open(url, 1280)
    assert browser.ask(shows) is True
    browser.open(url, 390)
    assert browser.ask(shows) is False
    browser.ask("document.querySelector('#more-table4').click()")
    assert browser.ask(shows) is True


def test_a_rows_name_stays_while_its_table_scrolls(browser, url):
    browser.open(url, 390)
    table = "document.querySelector('#table3 .scroll')"
    left = f"{table}.querySelector('tbody th').getBoundingClientRect().left"
    before = browser.ask(left)
    browser.ask(f"{table}.scrollLeft = 200")
    assert browser.ask(f"{table}.scrollLeft") == 200
    assert abs(browser.ask(left) - before) < 2


def test_rules_open(browser, url):
    browser.open(url, 1280)
    rule = "document.querySelector('details.rule')"
    assert browser.ask(f"{rule}.querySelector('p').checkVisibility()") is False
    browser.ask(f"{rule}.querySelector('summary').click()")
    assert browser.ask(f"{rule}.querySelector('p').checkVisibility()") is True


def test_it_prints(browser, url):
    """Rules that are folded on the screen are on paper, and no table is cut off."""
    browser.open(url, PRINTED_WIDTH)
    assert browser.pdf().startswith(b"%PDF-")
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.ask("document.querySelector('details.rule p').checkVisibility()") is True
        assert browser.ask("document.querySelector('nav').checkVisibility()") is False
        widest = "Math.max(...[...document.querySelectorAll('table')].map(t => t.scrollWidth))"
        assert browser.ask(widest) <= PRINTED_WIDTH
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
