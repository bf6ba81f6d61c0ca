"""The app and a browser that looks at it, both on this machine, for what is measured in a browser."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
IS_STILL = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
PATIENCE_MS = 120_000


@dataclass(frozen=True)
class Server:
    """Where the app answers, the process that serves it, and how long it took until it answered (s)."""

    url: str
    pid: int
    began: float
    healthy_s: float

    def memory_MB(self, which: str = "VmRSS") -> float:
        """Resident memory of the server now; `VmHWM`: the most that it ever was."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            raise ValueError("memory is read from /proc, which this machine does not have. Measure it on Linux.")
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(f"{which}:")) * 1.024e-3  # kibibytes


@contextmanager
def server() -> Iterator[Server]:
    """The app on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
        yield Server(f"http://127.0.0.1:{port}", process.pid, began, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_healthy(url: str) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise ValueError("the app did not start within a minute. Start it by `make app` to see why.")


@contextmanager
def chromium() -> Iterator:
    """A headless Chromium. Raises ValueError where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ValueError("this measures in a browser: install requirements-dev.txt and Chromium first.") from error
    path = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if path is None:
        raise ValueError("this measures in Chromium, and none is installed on this machine. Install it first.")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def new_page(browser):
    """A window of a browser that was never here before."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def settle(page) -> None:
    """Wait until the server has nothing more to say to this page."""
    page.locator(IS_STILL).wait_for(state="attached")
