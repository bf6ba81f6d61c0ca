"""How long does the app take to open, and how much memory do all its models and pages need?"""

import os
import re
import time
from collections.abc import Callable
from itertools import count
from statistics import median

from pkvae_core.commands.browser import Server, chromium, new_page, server, settle
from pkvae_core.drugs.card import CARDS, available_drugs

TITLE = "opening the app with the models of all drugs: start to first page painted, later visits, and the server's memory after every page and example"
STARTS, VISITS = 3, 5
PAGES = "[data-testid='stSidebarNavLink']"
EXAMPLES, MORE = "[class*='st-key-example_'] button", re.compile(r"^\d+ more: ")


def measure(seed: int, say: Callable[[str], None]) -> dict:
    """Seconds of several starts and visits, seconds of each page, and megabytes on the way. Raises ValueError where there is no browser to measure in."""
    load = os.getloadavg()[0]  # before we add to it
    drugs = sum((CARDS / drug / "model.safetensors").exists() for drug in available_drugs())
    found = {"drugs": drugs, "load": load, "cores": os.cpu_count(), "cold": [], "warm_s": []}
    with chromium() as browser:
        for number in count(1):
            with server() as app:
                found["cold"].append(_first_visit(browser, app))
                say(f"start {number}: painted after {found['cold'][-1]['painted_s']:.2f} s, of which the server {found['cold'][-1]['healthy_s']:.2f} s")
                if number < STARTS:
                    continue
                found["warm_s"] = [_visit(browser, app.url) for _ in range(VISITS)]
                found["memory_MB"] = {"first page": app.memory_MB()}
                found["pages"] = _every_page(browser, app, say)
                found["memory_MB"]["every page"] = app.memory_MB()
                found["examples"] = _every_example(browser, app, say)
                return found | {"memory_MB": found["memory_MB"] | {"every example": app.memory_MB(), "most": app.memory_MB("VmHWM")}}
    raise AssertionError("the last start returns")


def _first_visit(browser, app: Server) -> dict:
    """Seconds from the start of the server until its first page is painted."""
    _visit(browser, app.url)
    return {"healthy_s": app.healthy_s, "painted_s": time.perf_counter() - app.began}


def _visit(browser, url: str) -> float:
    """Seconds until the page stands there, in a browser with nothing in its cache."""
    page, began = new_page(browser), time.perf_counter()
    page.goto(url)
    page.get_by_role("heading", level=1).first.wait_for()
    settle(page)
    took = time.perf_counter() - began
    page.context.close()
    return took


def _every_page(browser, app: Server, say: Callable[[str], None]) -> list[dict]:
    """Each page of the navigation, opened for the first time on this server."""
    page = new_page(browser)
    page.goto(app.url)
    page.locator(PAGES).first.wait_for()
    links = page.locator(PAGES).evaluate_all("links => links.map(link => [link.innerText.split('\\n').pop().trim(), link.href])")
    page.context.close()
    found = []
    for name, url in links:
        found.append({"page": name, "seconds": _visit(browser, url), "memory_MB": app.memory_MB()})
        say(f"{name}: {found[-1]['seconds']:.2f} s, then {found[-1]['memory_MB']:.0f} MB")
    return found


def _every_example(browser, app: Server, say: Callable[[str], None]) -> list[dict]:
    """Each example of the Dose page, opened for the first time on this server: seconds from the click until everything is answered."""
    page, found = new_page(browser), []
    _all_examples(page, app)
    for label in page.locator(EXAMPLES).all_inner_texts():
        _all_examples(page, app)
        began = time.perf_counter()
        page.locator(EXAMPLES).get_by_text(label, exact=True).click()
        page.get_by_role("heading", name="How sure is the model?").wait_for()
        settle(page)
        found.append({"example": label, "seconds": time.perf_counter() - began, "memory_MB": app.memory_MB()})
        say(f"{label}: {found[-1]['seconds']:.2f} s, then {found[-1]['memory_MB']:.0f} MB")
    page.context.close()
    return found


def _all_examples(page, app: Server) -> None:
    """The Dose page with all of its examples in sight."""
    page.goto(app.url)
    settle(page)
    page.get_by_text(MORE).click()
    settle(page)


def markdown(found: dict) -> str:
    """Start, later visits, pages and memory, each with its slowest or its most."""
    painted, healthy = ([start[name] for start in found["cold"]] for name in ("painted_s", "healthy_s"))
    memory, slowest = found["memory_MB"], max(found["pages"], key=lambda page: page["seconds"])
    answered = [example["seconds"] for example in found["examples"]]
    return (
        f"The models of {found['drugs']} drugs, headless Chromium on the same machine (load before {found['load']:.1f} on {found['cores']} cores). From the "
        f"start of the server to the first page painted: {median(painted):.1f} s (slowest of {len(painted)}: {max(painted):.1f}), of which "
        f"{median(healthy):.1f} s until the server answers. A later visit: {median(found['warm_s']):.1f} s (slowest of {len(found['warm_s'])}: "
        f"{max(found['warm_s']):.1f}). First visit to each other page: at most {slowest['seconds']:.1f} s ({slowest['page']}). An example, from the click "
        f"until all is answered, the first time: median {median(answered):.1f} s, slowest {max(answered):.1f} s.\n\n"
        f"Resident memory of the server: {memory['first page']:.0f} MB after the first page, {memory['every page']:.0f} MB after every page, "
        f"{memory['every example']:.0f} MB after every example of every drug; never more than {memory['most']:.0f} MB."
    )
