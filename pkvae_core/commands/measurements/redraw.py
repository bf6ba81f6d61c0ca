"""How long does a reader wait for another view of the map: from the click until it is painted, in a browser on this machine?"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

TITLE = "the latent map in a browser: 5,000 patients, from the click on another view until it is painted"
VIEWS = 15
ROOT = Path(__file__).parents[3]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WATCH = "()=>{performance.clearMeasures();document.addEventListener('click',()=>{window.clicked=performance.now()},{capture:true,once:true})}"
PAINTED = "performance.getEntriesByName('pkvae:map').length>0"
TOOK = "(()=>{const e=performance.getEntriesByName('pkvae:map')[0];return [e.startTime+e.duration-window.clicked,e.duration]})()"


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Milliseconds from the click until the map is painted, and what of it the drawing took. Raises ValueError where there is no browser to measure in."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ValueError("this measures in a browser: install requirements-dev.txt and Chromium first.") from error
    browser_path = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if browser_path is None:
        raise ValueError("this measures in Chromium, and none is installed on this machine. Install it first.")
    with _server() as url, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}/latent")
        page.locator("#stage").wait_for()
        page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for(state="attached")
        page.wait_for_timeout(3000)
        took = [_another_view(page, i, say) for i in range(VIEWS)]
        browser.close()
    waited, drawn = zip(*took, strict=True)
    return {"views": VIEWS, "waited_ms": list(waited), "drawn_ms": list(drawn), "load": os.getloadavg()[0], "cores": os.cpu_count()}


def _another_view(page, number: int, say: Callable[[str], None]) -> tuple[float, float]:
    """Another colour or axis is chosen, by turns; milliseconds waited and drawn."""
    page.get_by_role("combobox", name=("Colour", "Across", "Up")[number % 3]).click()
    page.wait_for_timeout(400)
    options = page.get_by_role("option")
    option = options.nth((2 * number + 1) % options.count())
    name = option.inner_text().split("\n")[0]
    page.evaluate(WATCH)
    option.click()
    page.wait_for_function(PAINTED)
    waited, drawn = page.evaluate(TOOK)
    say(f"{name}: {waited:.0f} ms, of which drawing {drawn:.0f} ms")
    page.wait_for_timeout(800)
    return waited, drawn


@contextmanager
def _server() -> Iterator[str]:
    """The app on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_healthy(url: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise ValueError("the app did not start within a minute. Start it by `make app` to see why.")


def markdown(found: dict) -> str:
    """The wait, its slowest, and the part that is drawing."""
    waited, drawn = found["waited_ms"], found["drawn_ms"]
    return (
        f"5,000 virtual patients in headless Chromium without a GPU, {found['views']} other views (load {found['load']:.1f} on {found['cores']} cores): "
        f"{median(waited):.0f} ms from the click until painted (slowest {max(waited):.0f}), of which the browser draws for {median(drawn):.0f} ms."
    )
