"""Ask a served EcoPredict for what its users need: ``python3 tools/smoke.py https://eco.example.org``.

Standard library only, so that it runs wherever a release is deployed from. It stops at the first failure with one line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

_TIMEOUT_S = 20.0
_PAUSE_S = 1.0
_LARGEST = 4 * 1024 * 1024


class Failure(Exception):
    """A step that failed; the message is one line."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as the answer."""

    def redirect_request(self, *_: object) -> None:
        """Return no request."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def ask(url: str, body: Any = None) -> tuple[int, bytes]:
    """Return status and body of an answer.

    Raises
    ------
    Failure
        There is no answer.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(url, data, headers)  # noqa: S310 (main checks the scheme)
    try:
        with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
            return answer.status, answer.read(_LARGEST)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_LARGEST)
    except OSError as error:
        raise Failure(f"{url}: {getattr(error, 'reason', error)}") from None


def read(url: str, body: Any = None) -> Any:
    """Return the JSON of an answer whose status is 200.

    Raises
    ------
    Failure
        The status is another one, or the body is no JSON.
    """
    status, content = ask(url, body)
    if status != 200:
        raise Failure(f"{url}: status {status} instead of 200")
    try:
        return json.loads(content)
    except ValueError:
        raise Failure(f"{url}: the answer is not JSON") from None


def check_health(base: str) -> str:
    """Check that predictions can be answered."""
    status = read(f"{base}/health/ready").get("status")
    if status not in ("ready", "degraded"):
        raise Failure(f"{base}/health/ready: {status}")
    return f"health: {status}"


def check_page(base: str) -> str:
    """Check that the first page and its style sheet are there, and that metrics are not public."""
    status, page = ask(f"{base}/")
    if status != 200 or b"EcoPredict" not in page:
        raise Failure(f"{base}/: status {status}, not the page of EcoPredict")
    status, _ = ask(f"{base}/static/css/base.css")
    if status != 200:
        raise Failure(f"{base}/static/css/base.css: status {status} instead of 200")
    return "page: there"


def check_metrics(base: str) -> str:
    """Check that metrics are not public."""
    status, _ = ask(f"{base}/metrics")
    if status != 404:
        raise Failure(f"{base}/metrics: status {status} instead of 404, metrics are public")
    return "metrics: not public"


def check_prediction(base: str) -> str:
    """Check that the first species is answered, and that the answer can be read again."""
    species = read(f"{base}/api/v1/species?limit=1").get("items") or []
    if not species:
        raise Failure(f"{base}/api/v1/species: no species has a model")
    slug = species[0]["slug"]
    predictors = read(f"{base}/api/v1/species/{slug}")["predictors"]
    middle = {one["name"]: one["levels"][0] if one["type"] == "categorical" else one["median"] for one in predictors}
    answer = read(f"{base}/api/v1/predictions", {"species": slug, "environment": middle})
    if not 0 <= answer["suitability"] <= 1:
        raise Failure(f"{slug}: suitability {answer['suitability']} is not from 0 to 1")
    again = read(f"{base}/api/v1/predictions/{answer['id']}")
    if again["suitability"] != answer["suitability"]:
        raise Failure(f"{slug}: answer {answer['id']} is another one when it is read again")
    return f"prediction: {slug} {answer['verdict']}"


CHECKS = (check_health, check_page, check_metrics, check_prediction)


def run(base: str, seconds: float) -> int:
    """Run all checks; each is repeated until it succeeds or the time has passed."""
    until = time.monotonic() + seconds
    for check in CHECKS:
        while True:
            try:
                print(check(base), flush=True)
                break
            except Failure as failure:
                reason = str(failure)
            except (KeyError, TypeError, IndexError, AttributeError) as error:
                reason = f"{check.__name__}: the answer has another form ({error!r})"
            if time.monotonic() > until:
                print(f"smoke: {reason}", file=sys.stderr)
                return 1
            time.sleep(_PAUSE_S)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where a check fails."""
    parser = argparse.ArgumentParser(prog="tools/smoke.py", description="Ask a served EcoPredict for a prediction.")
    parser.add_argument("url", help="address of the site, such as https://eco.example.org")
    parser.add_argument(
        "--wait", type=float, default=60.0, help="seconds until a failure counts (default: %(default)s)"
    )
    given = parser.parse_args(arguments)
    if not given.url.startswith(("http://", "https://")):
        parser.error("the address begins with https:// or http://")
    return run(given.url.rstrip("/"), given.wait)


if __name__ == "__main__":
    sys.exit(main())
