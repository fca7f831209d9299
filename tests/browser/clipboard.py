"""The clipboard of the browser in tests."""

import time

from playwright.sync_api import Page


def open_empty_clipboard(page: Page) -> None:
    """Let a page use the clipboard, and empty it: the contexts of a browser share one."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('')")


def copied(page: Page) -> str:
    """The text in the clipboard, as soon as it has one.

    The function of ``wait_for_function`` cannot ask the clipboard: a promise counts as true before it is kept.
    """
    end = time.monotonic() + 5
    while not (text := page.evaluate("navigator.clipboard.readText()")):
        assert time.monotonic() < end, "nothing was copied"
        page.wait_for_timeout(50)
    return str(text)
