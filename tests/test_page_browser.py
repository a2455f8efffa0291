"""The page in a real browser: nothing broken, nothing loaded, nothing to scroll sideways for."""

import shutil
import struct

import numpy as np
import pytest
from own_data import frames_of_two_elements
from playwright.sync_api import sync_playwright
from test_page import render

from fitting.evaluation import Evaluation
from fitting.results import write_results
from reproduction.engine.provenance import ROOT
from reproduction.show import page

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium; on Debian: apt-get install chromium"
)
# A4 between margins of 1.5 cm, in CSS pixels.
PRINTED_WIDTH = 680
HEIGHT = 800

PAGE_WIDTH = "document.scrollingElement.scrollWidth"
# Elements that stick out of the window and do not sit in a container that scrolls.
STICKING_OUT = """[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") &&
  e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))"""

# Boxes that scroll sideways.
WIDE = """[...document.querySelectorAll("figure .scroll")]
  .filter(e => e.scrollWidth > e.clientWidth)"""
WIDER = "e => e.scrollWidth > e.clientWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page of the committed results, made anew: the committed file has a test of its own."""
    made = tmp_path_factory.mktemp("page")
    (made / page.NAME).write_text(render(ROOT / "results"), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=PROGRAM)
        yield running
        running.close()


@pytest.fixture
def visit(browser, folder):
    """Opens the page in a window of CSS pixels; ``told`` gets complaints, ``asked`` requests."""
    opened = []

    def visit(width, scheme="light", name=page.NAME, told=None, asked=None):
        size = {"width": width, "height": HEIGHT}
        window = browser.new_page(viewport=size, color_scheme=scheme, is_mobile=width < 500)
        opened.append(window)
        if told is not None:
            window.on("console", lambda message: told.append(message.text))
            window.on("pageerror", lambda error: told.append(str(error)))
            window.on("requestfailed", lambda request: told.append(f"failed: {request.url}"))
        if asked is not None:
            window.on("request", lambda request: asked.append(request.url))
        window.goto((folder / name).as_uri())
        return window

    yield visit
    for window in opened:
        window.close()


def test_the_browser_tells_of_what_is_wrong(visit, folder):
    """The instrument itself: a page with errors, a broken image, a style and a wide box."""
    (folder / "bad.html").write_text(
        "<!DOCTYPE html><meta name='viewport' content='width=device-width, minimum-scale=1'>"
        "<meta http-equiv='Content-Security-Policy' content=\"style-src 'self'\">"
        "<body style='margin:0'><img src='absent.png'><table width='900'><td>wide</table>"
        "<script>console.error('so'); undefined.so</script>"
    )
    told, asked = [], []
    window = visit(360, name="bad.html", told=told, asked=asked)
    for expected in ("so", "failed: file:", "Cannot read", "Content Security Policy"):
        assert any(expected in text for text in told), (expected, told)
    assert [url.split("/")[-1] for url in asked] == ["bad.html", "absent.png"]
    assert window.evaluate("document.images[0].naturalWidth") == 0
    assert window.evaluate(PAGE_WIDTH) > 360
    assert window.evaluate(STICKING_OUT)


@pytest.fixture(scope="module")
def own(folder):
    """The page of a training on own data, with all that it may show; no model is needed."""
    rng = np.random.default_rng(0)
    frames = frames_of_two_elements(60)
    energies = np.array([frames.energies + rng.normal(0, 0.1, 60) for _ in range(2)])
    forces = [[f + rng.normal(0, 0.1, f.shape) for f in frames.forces] for _ in range(2)]
    parts = [
        Evaluation(frames, energies, forces, {"Au": -1000.0, "Pt": -700.0}, part, labels, "ab")
        for part, labels in (
            ("train", {}),
            ("test", {"config_type": ["a_long_name" * 5, "b"] * 30}),
        )
    ]
    curve = rng.uniform(0.1, 1.0, (9, 2))
    curves = {
        k: {
            "curve_steps": np.arange(9),
            "curve_energy_per_atom": curve,
            "curve_force": curve,
            "chosen_step": 3,
            "solved": curve[4],
        }
        for k in range(2)
    }
    return write_results(
        folder / "own",
        "A potential trained on " + "a_file_without_blanks_in_its_name" * 3 + ".extxyz",
        "Sixty frames.",
        ["What it means " + "in_a_long_word" * 9],
        parts,
        [f"{'long_name' * 9}.xyz, frame {k}" for k in range(60)],
        ["frames       60" * 12],
        ["a warning with " + "/a/path/that/is/long" * 6],
        {"Settings": {"model.options": "x" * 300}, "Provenance": {"SHA-256": "0" * 64}},
        "from keras_models.calculator import KerasCalculator" * 3,
        curves,
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_of_own_data_opens_whole(visit, own, width):
    told, asked = [], []
    window = visit(width, name="own/report.html", told=told, asked=asked)
    assert told == [] and asked == [own.as_uri()]
    widths = window.evaluate("[...document.images].map(i => i.complete ? i.naturalWidth : 0)")
    assert len(widths) == 5 and min(widths) > 0
    assert window.evaluate(PAGE_WIDTH) <= width
    assert window.evaluate(STICKING_OUT.replace("body *", "body :not(pre *)")) == []
    shown = window.evaluate("[...document.images].map(i => i.getBoundingClientRect().width)")
    assert min(shown) > 0.8 * min(width, 400)
    # Code scrolls in its box, and no row of two columns says again what its columns are.
    assert window.evaluate(f"[...document.querySelectorAll('pre')].some({WIDER})")
    before = "[...document.querySelectorAll('.words td')].map(e => getComputedStyle(e, '::before')"
    assert set(window.evaluate(f"{before}.content)")) == {"none"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_opens_whole(visit, folder, width, scheme):
    told, asked = [], []
    window = visit(width, scheme, told=told, asked=asked)
    assert told == [] and asked == [(folder / page.NAME).as_uri()]
    widths = window.evaluate("[...document.images].map(i => i.complete ? i.naturalWidth : 0)")
    assert widths and min(widths) > 0
    assert window.evaluate(PAGE_WIDTH) <= width
    assert window.evaluate(STICKING_OUT) == []
    assert "Neural network potentials" in window.text_content("h1")
    picture = window.screenshot()  # of what is in the window: all of it takes half a minute
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (width, HEIGHT)
    assert window.evaluate("document.scrollingElement.scrollHeight") > HEIGHT


def test_text_stands_out_in_both_schemes(visit):
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
        window = visit(1280, scheme)
        assert window.evaluate(contrast) > 4.5
        papers.append(window.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers[0] != papers[1]


def test_wide_tables_and_figures_scroll_in_their_own_container(visit):
    window = visit(390)
    assert window.evaluate(PAGE_WIDTH) <= 390
    for kind in ("table", "image"):
        wide = WIDE.replace("figure", f"figure.{kind}")
        assert window.evaluate(f"{wide}.length") > 0
        assert window.evaluate(f"{wide}.every(e => e.tabIndex === 0 && e.ariaLabel)")


@pytest.mark.parametrize(("width", "are_wide"), [(390, True), (606, True), (608, False)])
def test_figures_with_more_to_the_right_say_so(visit, width, are_wide):
    """No shade at the edge does: the picture is over it."""
    window = visit(width)
    wide = WIDE.replace("figure", "figure.image")
    said = """[...document.querySelectorAll('figure.image .scroll')]
      .map(e => getComputedStyle(e, '::before'))
      .filter(hint => hint.display === 'block' && hint.content.includes('more to the right'))"""
    figures = window.locator("figure.image").count()
    assert figures > 0
    assert window.evaluate(f"{wide}.length") == (figures if are_wide else 0)
    assert window.evaluate(f"{said}.length") == (figures if are_wide else 0)


def test_sentences_in_a_table_are_broken_into_lines(visit):
    window = visit(1280)
    assert window.evaluate(WIDE.replace("figure", "#moved-claims") + ".length") == 0
    of = "document.querySelector('#moved-claims {}').textContent.trim()"
    assert window.evaluate(of.format("th.long")).startswith("numbers")
    assert window.evaluate(of.format("td.long"))


def test_columns_that_matter_less_are_behind_a_toggle(visit):
    shows = "document.querySelector('#table4 td.minor').checkVisibility()"
    assert visit(1280).evaluate(shows) is True
    window = visit(390)
    assert window.evaluate(shows) is False
    window.click("#more-table4")
    assert window.evaluate(shows) is True


def test_a_rows_name_stays_while_its_table_scrolls(visit):
    window = visit(390)
    table = "document.querySelector('#table3 .scroll')"
    left = f"{table}.querySelector('tbody th').getBoundingClientRect().left"
    before = window.evaluate(left)
    assert window.evaluate(f"{table}.scrollLeft = 200") == window.evaluate(f"{table}.scrollLeft")
    assert abs(window.evaluate(left) - before) < 2


def test_rules_open(visit):
    window = visit(1280)
    shows = "document.querySelector('details.rule p').checkVisibility()"
    assert window.evaluate(shows) is False
    window.locator("details.rule summary").first.click()
    assert window.evaluate(shows) is True


def test_it_prints(visit):
    """Rules that are folded on the screen are on paper, and no table is cut off."""
    window = visit(PRINTED_WIDTH)
    assert window.pdf(format="A4").startswith(b"%PDF-")
    window.emulate_media(media="print")
    assert window.evaluate("document.querySelector('details.rule p').checkVisibility()") is True
    assert window.evaluate("document.querySelector('nav').checkVisibility()") is False
    widest = "Math.max(...[...document.querySelectorAll('table')].map(t => t.scrollWidth))"
    assert window.evaluate(widest) <= PRINTED_WIDTH
