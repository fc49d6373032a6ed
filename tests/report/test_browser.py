"""The page in a real browser, at the widths of a phone, a tablet and a desk."""

import shutil

import pytest
from fake_run import fake_run
from playwright.sync_api import sync_playwright
from test_report import LABELS, make_config

from motionfit.report import write_report

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WIDTHS = (390, 820, 1280)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    config = make_config()
    results = fake_run(config, tmp_path_factory.mktemp("run") / "results", LABELS, videos=6)
    write_report(config, results, results / "index.html")
    return (results / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def page(request, browser, report):
    """The open page, which fails at the end of the test if the browser has complained."""
    complaints = []
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(report)
    yield page
    page.close()
    assert not complaints


def test_only_tables_and_the_graph_scroll_sideways(page):
    width = page.evaluate("document.documentElement.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_every_picture_is_drawn(page):
    broken = "[...document.images].filter(image => !image.naturalWidth).length"
    assert page.evaluate("document.images.length") > 10
    assert page.evaluate(broken) == 0
    empty = "[...document.querySelectorAll('svg')].filter(svg => !svg.getBBox().width).length"
    assert page.evaluate(empty) == 0


def test_a_click_on_a_heading_sorts_a_table_and_leaves_chance_at_its_end(page):
    table = page.locator("table.results").first
    heading = table.locator("thead th", has_text="top-1")

    for order in ("ascending", "descending"):
        heading.click()
        assert heading.get_attribute("aria-sort") == order
        accuracies = [
            float(text.split()[0]) for text in table.locator("td.value:has(.bar)").all_inner_texts()
        ]
        assert len(accuracies) == 3
        assert accuracies == sorted(accuracies, reverse=order == "descending")
        assert table.locator("tbody tr").last.locator("th").inner_text() == "chance"


def scroll_to(locator):
    """Scrolls to an element, and waits until the page has been told: it hides its tip then."""
    locator.scroll_into_view_if_needed()
    locator.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def test_plots_tell_their_values_on_hover(page):
    plots = page.locator("svg[data-points]")
    assert plots.count() >= 6
    for plot in plots.all():
        scroll_to(plot)
        box = plot.bounding_box()
        x, y, text = plot.evaluate("plot => JSON.parse(plot.dataset.points)[0]")
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        tip = page.locator("#tip")
        assert tip.is_visible()
        assert tip.inner_text() in plot.get_attribute("data-points").encode().decode()
        assert text
    page.mouse.move(1, 1)
    assert not page.locator("#tip").is_visible()


def test_a_point_of_the_map_shows_its_clip(page):
    point = page.locator(".map circle").nth(3)
    scroll_to(point)
    point.hover(force=True)
    tip = page.locator("#tip")
    assert "cluster" in tip.inner_text()
    assert tip.locator("img").evaluate("image => image.naturalWidth") > 0


def test_clips_play_until_the_box_is_unchecked(page):
    film = page.locator("#failures .film img").first
    animation = "image => getComputedStyle(image).animationName"
    assert film.evaluate(animation) == "play"
    page.locator("#failures .play input").uncheck()
    assert film.evaluate(animation) == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_in_dark(page, scheme):
    page.emulate_media(color_scheme=scheme)
    colours = page.evaluate(
        "['color', 'backgroundColor'].map(key => getComputedStyle(document.body)[key])"
    )
    ink, paper = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
    assert (paper - ink > 400) if scheme == "light" else (ink - paper > 400)
