"""The clipboard of the browser in tests."""

from playwright.sync_api import Page


def open_empty_clipboard(page: Page) -> None:
    """Let a page use the clipboard, and empty it: the contexts of a browser share one."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('')")
