"""The report's page in Chromium: it is quiet, loads nothing, and every control does what it says. `make test-browser` runs these."""

import csv
import os
import shutil
import time
from pathlib import Path

import pytest
import thalweg

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default")]
pytest.importorskip("plotly")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: python -m pip install playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not CHROMIUM:
    pytest.skip("needs Chromium: apt-get install chromium, or name yours in CHROMIUM=path", allow_module_level=True)

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
FLAGS = [*QUIET, "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader"]
EVIL = '</script><script>window.evil=1</script><img src=x onerror="window.evil=1">'
RIVER = {
    "name": "river",
    "title": EVIL,
    "source": EVIL,
    "description": EVIL,
    "claims": [{"name": EVIL, "measure": "final(loss)", "less_than": 1}],
    "landscape": "river_valley",
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [
        {"kind": "sgd", "lr": {"logspace": [1e-3, 1.0, 5]}},
        {"kind": "adam", "lr": [0.01, 0.1], "beta1": [0.5, 0.9, 0.95]},
        {"kind": "rmsprop", "lr": 0.01},
    ],
    "seeds": 6,
    "steps": 100,
}
FIVE = {**RIVER, "title": "five", "claims": [], "landscape": {"kind": "rosenbrock", "dim": [4, 5]}, "record": {"log": 30}}
RANDOM = {
    "name": "random",
    "landscape": {"kind": "tensor_pca", "dim": 5},
    "optimizers": ["spherical_sgd"],
    "seeds": 2,
    "steps": 30,
    "record": {"variables": ["loss", "params", "overlap"]},
}
SWARM = {
    "name": "swarm",
    "landscape": {"kind": "rastrigin", "dim": 2},
    "init": {"kind": "normal", "mean": 2.0, "std": 1.0},
    "optimizers": [{"kind": "cbo", "particles": 30, "sigma": [0.5, 1.0]}, {"kind": "sgd", "lr": 1e-3}],
    "seeds": 3,
    "steps": 40,
    "record": {"variables": ["loss", "params", "swarm"]},
}
SEVERAL = {
    "name": "several",
    "landscape": ["himmelblau", "beale", {"kind": "rastrigin", "dim": 3}],
    "init": {"kind": "uniform", "low": -1.0, "high": 1.0},
    "optimizers": [{"kind": "sgd", "lr": [0.0001, 0.001]}, {"kind": "adam", "lr": [0.01, 0.1]}, "lion"],
    "seeds": 4,
    "steps": 30,
}
STAGES = {
    "name": "stages",
    "title": EVIL,
    "stages": [
        {
            **{key: RIVER[key] for key in ("landscape", "noise", "seeds")},
            "name": "common",
            "optimizers": ["sgd"],
            "steps": 20,
            "record": {"state": [5]},
        },
        {"name": "fork", "from": "common", "at": [5], "noise_seed": [1, 2], "steps": 30},
    ],
    "probes": [{"kind": "spectrum", "stage": "fork", "at": [10, 30]}],
}
PHASES = {
    "name": "phases",
    "landscape": "river_valley",
    "optimizers": [{"kind": "sgd", "lr": {"logspace": [0.01, 10, 7]}, "momentum": {"linspace": [0, 0.9, 5]}}, "adam"],
    "seeds": 2,
    "steps": 20,
}
FIGURES = {"stages": "tree"}
TRACES = "id => JSON.stringify(document.getElementById(id).data.filter(t => t.type !== 'contour' && t.type !== 'surface').map(t => [t.meta, t.x, t.y]))"


def until(page, expression: str, arg=None):
    """Wait for this to be true. Playwright's own wait_for_function evaluates text inside the page, which the page's policy forbids."""
    deadline = time.monotonic() + 15
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, f"never came true: {expression}"
        page.wait_for_timeout(30)


def follow(page, link, figure: str):
    """Click a link to another page of the report and wait until its figure is drawn.

    Such a link changes the fragment of the address, and the page then loads itself anew. The `load` event is waited for, since
    `expect_navigation` ends at the change of the fragment, and a question to a page that is being left is an error in Playwright.
    """
    with page.expect_event("load"):
        link.click()
    until(page, "id => document.querySelectorAll(`#${id} .scatterlayer .trace`).length > 0", figure)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    return {
        name: thalweg.report(thalweg.run(study), folder / f"{name}.html")
        for name, study in (
            ("river", RIVER),
            ("five", FIVE),
            ("random", RANDOM),
            ("swarm", SWARM),
            ("stages", STAGES),
            ("several", SEVERAL),
            ("phases", PHASES),
        )
    }


READY = {"several": "document.querySelectorAll('#diagram img').length > 0"}


@pytest.fixture
def opened(browser, pages):
    """Opens a page; at the end of the test nothing must have been complained about or asked of any network."""
    complaints, made = [], []

    def note(message):
        if message.type == "error" or (
            message.type == "warning" and "GL Driver" not in message.text and "willReadFrequently" not in message.text
        ):
            complaints.append(message.text)

    def open_page(name: str, **options):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda request: complaints.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None
        )
        page.goto(Path(pages[name]).as_uri())
        until(page, READY.get(name) or f"document.querySelectorAll('#{FIGURES.get(name, 'curves')} .scatterlayer .trace').length > 0")
        made.append(context)
        return page

    yield open_page
    for context in made:
        context.close()
    assert not complaints


def traces(page, figure: str) -> str:
    return page.evaluate(TRACES, figure)


def named(page, figure: str, meta: str) -> int:
    return page.evaluate("([id, meta]) => document.getElementById(id).data.filter(t => t.meta === meta).length", [figure, meta])


def test_a_page_opens_without_complaint_and_without_markup_of_the_study(opened):
    page = opened("river")
    assert page.evaluate("window.evil") is None
    assert page.locator("h1").inner_text() == EVIL
    assert [page.locator(f"#{id}").inner_text() for id in ("source", "description")] == [EVIL, EVIL]
    assert EVIL in page.locator("#claims").inner_text()
    assert page.locator("img").count() == 0
    page.evaluate("e => Plotly.relayout('curves', {'yaxis.title.text': safe(e)})", EVIL)  # a figure's text knows some markup
    assert page.locator("#curves .ytitle").text_content() == EVIL


def test_the_slider_moves_the_trajectories(opened):
    page = opened("river")
    ends = traces(page, "landscape")
    page.locator("#time").focus()
    page.keyboard.press("Home")
    start = traces(page, "landscape")
    assert start != ends
    assert page.locator("#now").inner_text() == "0"
    page.keyboard.press("ArrowRight")
    assert traces(page, "landscape") not in (start, ends)
    assert page.locator("#now").inner_text() == "1"
    assert page.evaluate("document.getElementById('curves').layout.shapes[0].x0") == 1


def test_play_moves_the_slider_and_pauses(opened):
    page = opened("river")
    page.locator("#play").click()
    until(page, "Number(document.getElementById('time').value) > 3")
    page.locator("#play").click()
    held = page.locator("#time").input_value()
    page.wait_for_timeout(300)
    assert page.locator("#time").input_value() == held


def test_toggles_hide_an_optimizer_everywhere(opened):
    page = opened("river")
    for figure in ("landscape", "curves", "sweep"):
        assert named(page, figure, "group-1")
    page.locator("#show-1").focus()
    page.keyboard.press("Space")
    for figure in ("landscape", "curves", "sweep"):
        assert not named(page, figure, "group-1")
        assert named(page, figure, "group-0")
    assert page.evaluate("document.activeElement.id") == "show-1"
    page.keyboard.press("Space")
    assert named(page, "curves", "group-1")


def test_a_click_in_the_sweep_changes_curves_and_trajectories(opened):
    page = opened("river")
    before = traces(page, "curves"), traces(page, "landscape"), page.locator("#point-0-0").input_value()
    page.locator("#sweep").scroll_into_view_if_needed()
    marks = page.locator("#sweep .scatterlayer .trace:has(.points path)").first.locator(".points path")
    assert marks.count() >= 3
    box = marks.nth(0 if before[2] != "0" else 1).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(page, "old => document.getElementById('point-0-0').value !== old", before[2])
    assert traces(page, "curves") != before[0]
    assert traces(page, "landscape") != before[1]


def test_a_click_in_a_map_of_two_fields(opened):
    page = opened("river")
    page.locator("#sweep-x").select_option("lr")
    page.locator("#sweep-y").select_option("beta1")
    assert page.locator("#sweep-group option").all_inner_texts() == ["adam"]
    before = traces(page, "curves")
    page.locator("#sweep").scroll_into_view_if_needed()
    area = page.locator("#sweep .nsewdrag").first.bounding_box()
    places = [page.locator("#point-1-0").input_value(), page.locator("#point-1-1").input_value()]
    right = page.evaluate("groups[1].dims[0].name") == "lr"
    column = 1 - int(places[0] if right else places[1])
    page.mouse.click(area["x"] + area["width"] * (0.25 + 0.5 * column), area["y"] + area["height"] / 2)
    until(page, "old => JSON.stringify(placesOf(1, state.point[1]).map(String)) !== JSON.stringify(old)", places)
    assert traces(page, "curves") != before


def test_a_map_opens_the_page_of_a_study_of_phases(opened):
    page = opened("phases")
    sections = page.locator("main > section:visible").evaluate_all("all => all.map(one => one.id)")
    assert sections[:3] == ["result-section", "sweep-section", "optimizers-section"]
    assert (page.locator("#sweep-x").input_value(), page.locator("#sweep-y").input_value()) == ("momentum", "lr")
    (map_,) = page.evaluate(
        "document.getElementById('sweep').data.filter(trace => trace.type === 'heatmap').map(t => [t.x.length, t.y.length])"
    )
    assert map_ == [5, 7]
    page = opened("river")  # whose sweeps are coarse
    assert page.locator("#sweep-y").input_value() == ""
    sections = page.locator("main > section:visible").evaluate_all("all => all.map(one => one.id)")
    assert sections.index("sweep-section") > sections.index("curves-section")


def test_points_can_be_chosen_with_the_keyboard_alone(opened):
    page = opened("river")
    before = traces(page, "curves")
    first = page.locator("#point-0-0").input_value()
    page.locator("#point-0-0").select_option("0" if first != "0" else "1")
    assert traces(page, "curves") != before
    page.locator(".optimizer button").first.click()
    assert page.locator("#point-0-0").input_value() == first
    assert traces(page, "curves") == before


def test_scales(opened):
    page = opened("river")
    for control, name in (("x-scale", "xaxis"), ("y-scale", "yaxis")):
        for scale in ("linear", "log"):
            page.locator(f"#{control}").select_option(scale)
            assert page.evaluate("name => document.getElementById('curves')._fullLayout[name].type", name) == scale
    assert page.locator("#height").input_value() == "log"
    heights = "JSON.stringify(document.getElementById('landscape').data[0].z)"
    before = page.evaluate(heights)
    page.locator("#height").select_option("linear")
    assert page.evaluate(heights) != before


def test_brushing_chooses_steps_here_and_in_the_landscape(opened):
    page = opened("river")
    whole = traces(page, "landscape")
    page.locator("#curves").scroll_into_view_if_needed()
    area = page.locator("#curves .nsewdrag").first.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + 60, steps=8)
    page.mouse.up()
    until(page, "state.range !== null")
    first, last = page.evaluate("state.range")
    assert (first, last) == pytest.approx((30, 60), abs=3)
    assert page.locator("#from").input_value() == str(round(first))
    assert traces(page, "landscape") != whole
    page.locator("#to").fill("40")
    page.locator("#to").press("Enter")
    assert page.evaluate("document.getElementById('curves')._fullLayout.xaxis.range[1]") == pytest.approx(40)
    page.locator("#whole").click()
    assert page.evaluate("state.range") is None
    assert traces(page, "landscape") == whole


def test_the_dark_switch_and_the_readers_preference(opened):
    page = opened("river")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.locator("#dark").check()
    assert page.evaluate(colour) != light
    assert page.evaluate("document.getElementById('curves')._fullLayout.font.color") == page.evaluate("ink('ink')")
    dark = opened("river", color_scheme="dark")
    assert dark.locator("#dark").is_checked()
    assert dark.evaluate(colour) == page.evaluate(colour)


def test_the_surface_view(opened):
    page = opened("river")
    if not page.evaluate("Boolean(document.createElement('canvas').getContext('webgl'))"):
        pytest.skip("this Chromium has no WebGL")
    page.locator("#view").select_option("surface")
    assert page.evaluate("document.getElementById('landscape').data[0].type") == "surface"
    assert page.evaluate("document.getElementById('landscape').data.some(t => t.type === 'scatter3d' && t.z.some(v => v !== null))")
    page.locator("#time").focus()
    before = traces(page, "landscape")
    page.keyboard.press("PageDown")
    assert traces(page, "landscape") != before
    page.locator("#view").select_option("map")
    assert page.evaluate("document.getElementById('landscape').data[0].type") == "heatmap"


def test_particles_move_with_the_slider_and_can_be_hidden(opened):
    page = opened("swarm")
    places = "(() => { const t = document.getElementById('landscape').data.find(t => t.meta === 'swarm-0'); return [t.x, t.y]; })()"
    spread = "((p) => Math.max(...p[0]) - Math.min(...p[0]))"
    ends = page.evaluate(places)
    assert len(ends[0]) == 30
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert page.evaluate(f"{spread}({places})") > max(ends[0]) - min(ends[0])
    assert "particles of the first seed" in page.locator("#landscape-note").inner_text()
    page.locator("#point-0-0").select_option(str(page.evaluate("1 - placesOf(0, state.point[0])[0]")))
    page.keyboard.press("End")
    assert page.evaluate(places) != ends
    page.locator("#particles").uncheck()
    assert not named(page, "landscape", "swarm-0")
    page.locator("#particles").check()
    page.locator("#show-0").uncheck()
    assert not named(page, "landscape", "swarm-0")
    assert not opened("river").locator("#particles").is_visible()


def test_a_wide_landscape_is_drawn_on_a_plane(opened):
    page = opened("five")
    assert "principal directions" in page.locator("#landscape-note").inner_text()
    titles = page.evaluate("['xaxis', 'yaxis'].map(name => document.getElementById('landscape')._fullLayout[name].title.text)")
    assert [title.split(" (")[0] for title in titles] == ["principal direction 1", "principal direction 2"]
    before = traces(page, "landscape")
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert traces(page, "landscape") != before
    page.locator("#view").select_option("surface")
    until(page, "document.getElementById('landscape').data.some(trace => trace.type === 'surface')")
    place = page.evaluate("groups[0].dims.findIndex(dim => dim.name === 'lr')")
    rate = page.locator(f"#point-0-{place}")
    rate.select_option("0" if rate.input_value() != "0" else "1")
    assert "only at the best point" in page.locator("#landscape-note").inner_text()


def test_a_landscape_without_a_picture_shows_variables_instead(opened):
    page = opened("random")
    assert page.locator("#h-landscape").inner_text() == "Variables against each other"
    assert "Every seed has a landscape" in page.locator("#landscape-note").inner_text()
    before = traces(page, "landscape")
    page.locator("#plane-y").select_option("params[1]")
    after = traces(page, "landscape")
    assert after != before
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert traces(page, "landscape") != after
    curves = traces(page, "curves")
    page.locator("#variable").select_option("params[0]")
    assert traces(page, "curves") != curves


def test_another_landscape_of_the_sweep(opened):
    page = opened("five")
    before = traces(page, "curves")
    other = page.evaluate("1 - state.land")
    page.locator("#land").select_option(str(other))
    assert traces(page, "curves") != before
    assert page.evaluate("groups.every((_, g) => landOf(g, state.point[g]) === state.land)")


def test_the_tree_of_stages_leads_to_their_pages_and_back(opened):
    page = opened("stages")
    assert page.locator("h1").inner_text() == EVIL
    assert page.evaluate("window.evil") is None
    assert named(page, "tree", "stage-fork") == 2
    assert not page.locator("#curves-section").is_visible()
    follow(page, page.locator("#stage-table a", has_text="fork"), "density")
    assert page.locator("#stages-nav").is_visible()
    assert not page.locator("#stages-section").is_visible()
    assert page.locator("#probe-table thead").inner_text().split()[-4:] == ["step", "10", "step", "30"]
    before = traces(page, "density")
    page.locator("#density-step").select_option("0")
    assert traces(page, "density") != before
    page.locator("#show-0").uncheck()
    assert named(page, "density", "density-0") == 0
    follow(page, page.locator("#stages-nav a").first, "tree")
    assert page.locator("#stages-section").is_visible()


def test_several_landscapes_begin_with_their_ranks_and_lead_to_their_pages(opened):
    page = opened("several")
    assert page.locator("#result").inner_text().startswith("Over 3 problems ")
    assert page.locator("#result-table tbody tr").count() == 4
    assert page.locator("#h-stages").inner_text() == "Landscapes"
    width = page.evaluate("document.querySelector('#diagram img').naturalWidth")
    assert width > 100
    light = page.locator("#diagram img").get_attribute("src")
    page.locator("#dark").check()
    assert page.locator("#diagram img").get_attribute("src") != light
    follow(page, page.locator("#result-table a", has_text="beale"), "curves")
    assert "lowest, with a median loss of" in page.locator("#result").inner_text()
    assert not page.locator("#diagram").is_visible()


def test_the_numbers_of_a_figure_are_saved_as_csv(opened, tmp_path):
    page = opened("river")
    for figure in ("curves", "sweep", "landscape"):
        with page.expect_download() as download:
            page.locator(f"#{figure} + button.csv").click()
        download.value.save_as(tmp_path / f"{figure}.csv")
        rows = list(csv.reader((tmp_path / f"{figure}.csv").read_text().splitlines()))
        assert rows[0] == ["trace", "x", "y", "z"]
        assert len(rows) > 20
    drawn = page.evaluate("Array.from(document.getElementById('curves').data.find(t => t.name === 'sgd').y)")
    rows = [row for row in csv.reader((tmp_path / "curves.csv").read_text().splitlines()) if row[0] == "sgd"]
    saved = [float(row[2]) if row[2] else None for row in rows]
    assert len(saved) >= len(drawn)
    assert any(saved[k : k + len(drawn)] == drawn for k in range(len(saved) - len(drawn) + 1))


def test_paper_has_the_figures_and_tables_and_no_controls(opened):
    page = opened("river")
    page.emulate_media(media="print")
    assert page.locator("#result-table").is_visible()
    assert page.locator("#curves").is_visible()
    for control in ("#variable", "#dark", "#play", "#save", "button.csv >> nth=0"):
        assert not page.locator(control).is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_on_a_phone_figures_come_before_controls(opened):
    page = opened("river", viewport={"width": 360, "height": 740})
    top = "id => document.getElementById(id).getBoundingClientRect().top"
    tops = [page.evaluate(top, name) for name in ("result", "landscape", "view", "curves", "variable", "optimizers")]
    assert tops == sorted(tops)


@pytest.mark.parametrize("name", ["river", "five", "random", "swarm", "stages", "several"])
def test_a_phone_needs_no_sideways_scrolling_and_controls_have_names(opened, name):
    page = opened(name, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = "[...document.querySelectorAll('main select, main input, main button')].filter(e => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.ariaLabel)"
    assert page.evaluate(f"{nameless}.length") == 0
