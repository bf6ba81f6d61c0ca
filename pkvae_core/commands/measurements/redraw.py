"""How long does a reader wait for another view of the map: from the click until it is painted, in a browser on this machine?"""

import os
from collections.abc import Callable
from statistics import median

from pkvae_core.commands.browser import chromium, new_page, server, settle

TITLE = "the latent map in a browser: 5,000 patients, from the click on another view until it is painted"
VIEWS = 15
WATCH = "()=>{performance.clearMeasures();document.addEventListener('click',()=>{window.clicked=performance.now()},{capture:true,once:true})}"
PAINTED = "performance.getEntriesByName('pkvae:map').length>0"
TOOK = "(()=>{const e=performance.getEntriesByName('pkvae:map')[0];return [e.startTime+e.duration-window.clicked,e.duration]})()"


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Milliseconds from the click until the map is painted, and what of it the drawing took. Raises ValueError where there is no browser to measure in."""
    with server() as app, chromium() as browser:
        page = new_page(browser)
        page.goto(f"{app.url}/latent")
        page.locator("#stage").wait_for()
        settle(page)
        page.wait_for_timeout(3000)
        took = [_another_view(page, i, say) for i in range(VIEWS)]
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


def markdown(found: dict) -> str:
    """The wait, its slowest, and the part that is drawing."""
    waited, drawn = found["waited_ms"], found["drawn_ms"]
    return (
        f"5,000 virtual patients in headless Chromium without a GPU, {found['views']} other views (load {found['load']:.1f} on {found['cores']} cores): "
        f"{median(waited):.0f} ms from the click until painted (slowest {max(waited):.0f}), of which the browser draws for {median(drawn):.0f} ms."
    )
