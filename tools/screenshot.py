"""Take the picture of the predict page that README.md shows.

    .venv/bin/python tools/screenshot.py                     # starts the application on instance/ and stops it
    .venv/bin/python tools/screenshot.py --url http://127.0.0.1:8000

Needs the development requirements and Debian's Chromium (``apt-get install chromium``).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "docs" / "images" / "predict.png"
PAGE = "/"
LARGEST_BYTES = 200_000
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run"]
_START_S = 60.0


class ScreenshotError(Exception):
    """The picture cannot be taken; the message is one line."""


@contextlib.contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """Serve an existing data directory on a free loopback port for as long as the block lasts.

    Parameters
    ----------
    data_dir : Path
        Prepared by ``make run``: migrated, with registered models.
    """
    if not (data_dir / "models").is_dir():
        raise ScreenshotError(f"{data_dir} has no models; run `make run` once, or give --url")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = os.environ | {"DATA_DIR": str(data_dir), "PORT": str(port), "WEB_CONCURRENCY": "1"}
    command = [Path(sys.executable).parent / "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    server = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), opener.open(f"{url}/health/ready", timeout=5):
            return
        time.sleep(0.2)
    raise ScreenshotError("the application did not become ready; its messages are above")


def take(url: str, output: Path, width: int, height: int) -> int:
    """Write the picture of the predict page.

    Parameters
    ----------
    url : str
        Of the site, without the page.
    output : Path
    width, height : int
        Of the browser's window, in CSS pixels.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    ScreenshotError
        Chromium or Playwright is missing, the page is not an answer, or the file would be too large.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise ScreenshotError("Playwright is not installed; run `sh tools/venv.sh dev`") from None
    chromium = shutil.which("chromium")
    if chromium is None:
        raise ScreenshotError("Chromium is not installed; get it with `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        try:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme="light", reduced_motion="reduce"
            )
            response = page.goto(url.rstrip("/") + PAGE)
            if response is None or response.status != 200:
                raise ScreenshotError(f"{url}{PAGE} does not answer 200")
            page.wait_for_load_state("networkidle")
            picture = page.screenshot()
        finally:
            browser.close()
    if len(picture) > LARGEST_BYTES:
        raise ScreenshotError(f"the picture has {len(picture)} bytes, more than {LARGEST_BYTES}; give a lower --height")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(picture)
    return len(picture)


def main(arguments: list[str] | None = None) -> int:
    """Take the picture; 1 where that is not possible."""
    parser = argparse.ArgumentParser(description="Take the picture of the predict page that README.md shows.")
    parser.add_argument("--url", help="a running site; without it the application is started on the data directory")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("DATA_DIR") or PROJECT / "instance"),
        help="data directory that `make run` prepared (default: DATA_DIR or instance)",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="PNG to write (default: docs/images/predict.png)")
    parser.add_argument("--width", type=int, default=1280, help="of the window (default: %(default)s)")
    parser.add_argument("--height", type=int, default=820, help="of the window (default: %(default)s)")
    options = parser.parse_args(arguments)
    site = contextlib.nullcontext(options.url) if options.url else serving(options.data_dir.resolve())
    try:
        with site as url:
            size = take(url, options.output, options.width, options.height)
    except ScreenshotError as error:
        print(f"screenshot: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
