"""Typing of conditions on the Predict page."""

from __future__ import annotations

from playwright.sync_api import Page, Response


def is_post(response: Response) -> bool:
    """Return whether an answer is that of a form."""
    return response.request.method == "POST"


def type_value(page: Page, name: str, value: str) -> Response:
    """Type a value and wait for the answer that shows it."""
    with page.expect_response(is_post) as answered:
        page.locator(f"[name='env.{name}']").fill(value)
    page.wait_for_function("() => !document.querySelector('#conditions.htmx-request')")
    page.wait_for_function(
        "([name, value]) => new URLSearchParams(location.search).get(name) === value", arg=[f"env.{name}", value]
    )
    return answered.value
