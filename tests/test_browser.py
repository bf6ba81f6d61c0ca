"""Does it work in a real browser: open, drag, upload, break, and never ask anybody outside?"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
FILE = """ID,TIME,AMT,DUR,DV,AGE,SEX,WT,HT,SCR (mg/dL)
B7,2026-03-09 06:00,1000,1,,64,F,72,165,1.3
B7,2026-03-09 18:00,1000,1,,64,F,72,165,1.3
B7,2026-03-10 06:00,1000,1,,64,F,72,165,1.3
B7,2026-03-10 17:30,,,16.4,64,F,72,165,1.3
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """A server of our own on a free port; a traceback in its log fails the module."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true", "--server.fileWatcherType", "none"]
    with log.open("w") as out:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(url)
            yield url
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text()


def _wait_until_healthy(url: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError("the server did not start within a minute")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def page(server, browser) -> Iterator:
    """The app, opened; at the end no page error and no request to anybody outside."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    playwright.expect.set_options(timeout=60_000)
    opened, errors, outside = context.new_page(), [], []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith((server, "data:", "blob:")) else outside.append(request.url))
    opened.goto(server)
    settle(opened)
    yield opened
    context.close()
    assert errors == []
    assert outside == []


def settle(page) -> None:
    page.locator("[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']").wait_for(state="attached")


def open_example(page) -> None:
    page.get_by_role("button", name="Demo patient 07").click()
    page.locator("#headline").wait_for()


def test_dragging_the_dose_changes_the_card_and_the_chart_at_once(page):
    open_example(page)
    slider, headline, median = page.get_by_role("slider", name="Dose"), page.locator("#headline"), page.locator("#chart path.median").last
    playwright.expect(page.get_by_role("heading", name="Recommended regimen")).to_be_visible()
    said, drawn, chance = headline.inner_text(), median.get_attribute("d"), page.locator("#chips").inner_text()
    slider.press("ArrowRight")
    playwright.expect(page.get_by_role("heading", name="Regimen you are trying")).to_be_visible()
    assert headline.inner_text() != said
    assert median.get_attribute("d") != drawn
    assert page.locator("#chips").inner_text() != chance
    page.wait_for_function("performance.getEntriesByName('pkvae:redraw').length > 0")  # measured a frame later


def test_the_server_learns_of_the_dose_on_release_and_the_way_back_works(page):
    open_example(page)
    said = page.locator("#headline").inner_text()
    page.get_by_role("slider", name="Dose").press("ArrowRight")
    trying = page.locator("#headline").inner_text()
    row = page.locator("tr.shown button.try")
    playwright.expect(row).to_contain_text(trying)
    page.get_by_role("button", name="Back to recommended").click()
    playwright.expect(row).to_contain_text(said)
    playwright.expect(page.locator("#headline")).to_have_text(said)


def test_another_interval_is_answered(page):
    open_example(page)
    page.locator("#intervals label", has_text="24 h").click()
    playwright.expect(page.locator("#headline")).to_contain_text("every 24 h")


def test_an_axis_of_the_latent_space_is_walked_at_once_and_back(page):
    page.get_by_role("link", name="Latent space").click()
    slider, facts, curve = page.get_by_role("slider", name="z₁").first, page.locator("#facts").first, page.locator("#chart path.curve.now").first
    curve.wait_for(state="attached")
    said, drawn = facts.inner_text(), curve.get_attribute("d")
    slider.press("ArrowRight")
    assert facts.inner_text() != said
    assert curve.get_attribute("d") != drawn
    page.wait_for_function("performance.getEntriesByName('pkvae:walk').length > 0")  # measured a frame later
    moved = facts.inner_text()
    page.wait_for_function("performance.getEntriesByName('pkvae:walk-told').length > 0")
    assert facts.inner_text() == moved, "the server decodes the same point"
    page.get_by_role("button", name="Back to the start").click()
    playwright.expect(facts).to_have_text(said.replace("\n", ""), use_inner_text=False)


def test_patients_are_chosen_on_the_map_with_a_lasso_and_by_keyboard_and_let_go(page):
    page.get_by_role("link", name="Latent space").click()
    stage, heading = page.locator("#stage"), page.get_by_role("heading", level=2).first
    playwright.expect(heading).to_have_text("All 5,000 virtual patients")
    box = stage.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    for right, down in ((60, -60), (60, 60), (-60, 60)):
        page.mouse.move(x + right, y + down, steps=3)
    page.mouse.up()
    playwright.expect(heading).to_contain_text("chosen patients")
    stage.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    playwright.expect(heading).to_have_text("One chosen patient")
    page.get_by_role("button", name="Clear choice").click()
    playwright.expect(heading).to_have_text("All 5,000 virtual patients")


def test_the_chart_can_be_read_with_the_keyboard(page):
    open_example(page)
    page.locator("#chart").focus()
    page.keyboard.press("ArrowLeft")
    playwright.expect(page.locator("#reading")).to_contain_text("90 % band")


def test_a_level_switched_off_by_keyboard_is_a_hollow_dot_and_the_card_says_so(page):
    open_example(page)
    switch, hollow = page.get_by_role("switch", name="yesterday 21:00: 30.2 mg/L"), page.locator("#chart .level.out")
    playwright.expect(hollow).to_have_count(0)
    switch.press("Space")
    playwright.expect(hollow).to_have_count(1)
    playwright.expect(page.locator("#detail")).to_contain_text("1 level left out")
    settle(page)
    switch.press("Space")
    playwright.expect(hollow).to_have_count(0)


def test_a_real_file_and_a_broken_one(page):
    page.get_by_role("combobox", name="Drug in the file").click()
    page.get_by_role("option", name="Vancomycin").click()
    page.locator("[data-testid='stFileUploaderDropzoneInput']").set_input_files({"name": "patients.csv", "mimeType": "text/csv", "buffer": FILE.encode()})
    playwright.expect(page.get_by_role("heading", name="B7")).to_be_visible()
    playwright.expect(page.locator("#headline")).to_contain_text("every")
    page.get_by_role("button", name="Edit data").click()
    playwright.expect(page.get_by_role("heading", name="Upload a file")).to_be_visible()
    playwright.expect(page.get_by_role("spinbutton", name="Age (years)")).to_have_value("64")
    broken = {"name": "broken.csv", "mimeType": "text/csv", "buffer": bytes(range(256)) * 20}
    page.locator("[data-testid='stFileUploaderDropzoneInput']").set_input_files(broken)
    playwright.expect(page.get_by_text("This is not a table: the file holds binary data.")).to_be_visible()
    playwright.expect(page.get_by_role("heading", name="B7")).to_be_visible()


def test_typing_a_patient_leads_to_an_answer(page):
    page.get_by_role("spinbutton", name="Age (years)").fill("64")
    weight = page.get_by_role("spinbutton", name="Weight (kg)")
    weight.fill("72")
    weight.press("Tab")
    playwright.expect(page.locator("#headline")).to_contain_text("every")
    playwright.expect(page.get_by_text("No level yet")).to_be_visible()


def test_checks_go_on_while_the_reader_is_on_another_page_until_they_are_cancelled(page):
    page.get_by_role("link", name="Model checks").click()
    page.get_by_role("button", name="Run all checks").click()
    playwright.expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("heading", name="Models", exact=True).wait_for()
    page.get_by_role("link", name="Model checks").click()
    playwright.expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    playwright.expect(page.get_by_role("progressbar")).to_have_count(0)
    playwright.expect(page.get_by_role("button", name="Run all checks")).to_be_enabled()


def test_on_a_phone_nothing_is_wider_than_the_screen(server, browser):
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(server)
    settle(page)
    open_example(page)
    settle(page)
    for part in (".dose", ".ranked", "#chart"):
        box = page.locator(part).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    context.close()
