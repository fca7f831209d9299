"""Accounts in a browser: the first sign-in by a link, the second factor, and pages without an account."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.variants import thorough
from tools import live

PASSWORD = "kestrel lamp forty oak"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def environ(prepared: Path, workroom: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "accounts", ENVIRONMENT="production", WEB_CONCURRENCY="1")


@pytest.fixture(scope="module")
def site(environ: dict[str, str]) -> Iterator[str]:
    with live.serving(environ) as running:
        yield running.url


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Open]:
    contexts = []

    def visit(path: str, *, width: int = 1280, scripts: bool = True, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=site,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        context.close()


def check(page: Page) -> None:
    """No page is wider than the screen, and axe finds nothing."""
    # the page that a form leads to is there
    page.locator("h1").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    found = Axe().run(page)
    assert found.response["testEngine"]["name"] == "axe-core"
    assert found.violations_count == 0, (page.url, found.generate_report())


def link(environ: dict[str, str], *arguments: str) -> str:
    output = live.flask(environ, "users", *arguments)
    found = re.search(r"(/account/password/\S+)", output)
    assert found, output
    return found[1]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize(("width", "scripts", "dark"), [(1280, True, False), thorough(360, False, True)])
def test_the_first_sign_in_and_a_second_factor(
    open_page: Open, environ: dict[str, str], width: int, scripts: bool, dark: bool
) -> None:
    email = f"person{width}@example.org"
    page = open_page(link(environ, "create", email, "--role", "editor"), width=width, scripts=scripts, dark=dark)
    check_all = check if scripts else lambda _: None
    check_all(page)
    for short, message in (("short", "must have at least 12"), ("password1234", "easy to guess")):
        page.get_by_label("New password").fill(short)
        page.get_by_label("The same password again").fill(short)
        press(page, "Set the password")
        expect(page.locator("#password-error")).to_contain_text(message, ignore_case=True)
    check_all(page)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    press(page, "Set the password")
    expect(page.get_by_text("Your password is set")).to_be_visible()
    # a page that needs the account
    page.goto("/studies/new")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    check_all(page)
    sign_in(page, email, "wrong wrong wrong")
    expect(page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    sign_in(page, email)
    expect(page.get_by_role("heading", name="New study")).to_be_visible()
    page.get_by_role("link", name="Account").click()
    check_all(page)
    page.get_by_label("Name").fill("nightly maps")
    page.get_by_label("Password, to make the key").fill(PASSWORD)
    press(page, "Make a key")
    expect(page.locator(".account-key code")).to_contain_text("eco_")
    check_all(page)
    page.get_by_role("link", name="I have stored it").click()
    expect(page.locator(".account-keys li")).to_contain_text("nightly maps")
    check_all(page)
    page.get_by_label("Password, to begin").fill(PASSWORD)
    press(page, "Set up a second factor")
    picture = page.get_by_alt_text("QR code with the key below")
    assert picture.evaluate("image => image.naturalWidth") > 100 if scripts else picture.is_visible()
    check_all(page)
    secret = page.locator("main code").inner_text().replace(" ", "")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    press(page, "Turn the second factor on")
    expect(page.locator(".account-codes li")).to_have_count(10)
    check_all(page)
    page.goto("/account")
    press(page, "Sign out")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.goto("/login?next=/studies")
    sign_in(page, email)
    check_all(page)
    page.get_by_label("Code").fill(pyotp.TOTP(secret).at(time.time() + 30))
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Studies", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="New study")).to_be_visible()
    # the session is over also where Back shows the page that was
    page.goto("/account")
    press(page, "End all my sessions, this one too")
    # A click returns before the answer: going back at the same time as the form arrives is an error of the protocol.
    expect(page).to_have_url(re.compile("/login\\?done=ended"))
    page.go_back()
    page.reload()
    expect(page).to_have_url(re.compile("/login"))


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    press(page, "Sign in")


def test_a_visitor_predicts_and_gets_no_cookie(open_page: Open) -> None:
    page = open_page("/")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    for path in ("/species", "/map", "/studies", "/login", "/login/forgotten"):
        page.goto(path)
        check(page)
    assert page.context.cookies() == []
    assert page.get_by_role("link", name="New study").count() == 0


def test_a_fragment_says_that_the_session_is_over(open_page: Open, site: str, environ: dict[str, str]) -> None:
    live.flask(environ, "users", "create", "gone@example.org", "--role", "editor")
    page = open_page(link(environ, "reset", "gone@example.org"))
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    press(page, "Set the password")
    page.goto("/login?next=/studies/new")
    sign_in(page, "gone@example.org")
    expect(page.get_by_role("heading", name="New study")).to_be_visible()
    own = {"Origin": site}
    assert page.request.post("/api/v1/studies", data={"title": "Lizards"}, headers=own).status == 201
    stored = page.request.put("/api/v1/studies/lizards/files/notes.csv", data=b"a,b\n1,2\n", headers=own)
    assert stored.ok, stored.text()
    page.goto("/studies/lizards")
    page.context.clear_cookies()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete notes.csv").click()
    problem = page.locator("#problem")
    expect(problem).to_contain_text("This needs an account")
    expect(problem.get_by_role("link", name="Sign in")).to_have_attribute("href", re.compile(r"^/login\?next="))
