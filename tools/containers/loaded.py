"""Steps of the walk that change the set-up while it answers predictions; as the others, each returns a line."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from typing import Any

from tools.containers import engine
from tools.containers.engine import WalkError, docker, use
from tools.containers.load import ENVIRONMENT, SPECIES, Client, Load
from tools.containers.stack import Stack, wait_for


def restart_postgres(stack: Stack) -> str:
    """Restart PostgreSQL under load: every answer that was given is in its table."""
    with Load(stack.pages) as load:
        time.sleep(2)
        stack.compose("restart", "postgres")
        time.sleep(5)
    return f"{load.line()}; {_stored(stack, load)}"


def scale(stack: Stack) -> str:
    """Run two containers of web on one data volume, then one of them again."""
    before = _counts(stack)
    begin = time.monotonic()
    stack.scale("web", 2)
    wait_for("two healthy containers of web", lambda: stack.is_healthy("web"), 120)
    took = time.monotonic() - begin
    # nginx asks for the addresses every two seconds
    time.sleep(3)
    with Load(stack.pages) as both:
        time.sleep(5)
    _check(both)

    def shares() -> list[int]:
        return [count - before.get(container, 0) for container, count in _counts(stack).items()]

    # each container counts its own answers and no others
    wait_for("counts of all answers", lambda: sum(shares()) == len(both.ids), 30)
    shared = sorted(shares())
    if len(shared) != 2 or shared[0] == 0:
        raise WalkError(f"answers by container: {shared}")
    same = {json.dumps(_asked(container, _ANSWER)) for container in stack.containers("web")}
    if len(same) != 1:
        raise WalkError(f"two containers give different answers: {same}")
    with Load(stack.pages) as load:
        time.sleep(1)
        stack.scale("web", 1)
        time.sleep(2)
    line = f"second container after {took:.0f} s, answers by container {shared}; back to one: {load.line()}"
    _check(load)
    return f"{line}; {_stored(stack, both, load)}"


# What a container says itself, without nginx.
_COUNT = """
import re, urllib.request
text = urllib.request.urlopen("http://127.0.0.1:8080/metrics").read().decode()
values = re.findall(r"^ecopredict_predictions_total{.*} (\\S+)$", text, re.MULTILINE)
print(int(sum(map(float, values))))
"""
_ANSWER = f"""
import json, urllib.request
query = json.dumps({{"species": {SPECIES!r}, "environment": {ENVIRONMENT!r}}}).encode()
request = urllib.request.Request(
    "http://127.0.0.1:8080/api/v1/predictions", query, {{"Content-Type": "application/json"}}
)
answer = json.loads(urllib.request.urlopen(request).read())
print(json.dumps([answer[key] for key in ("suitability", "interval", "verdict", "model")]))
"""


def _asked(container: str, program: str) -> Any:
    return json.loads(docker("exec", container, "python", "-c", program, seconds=60))


def _counts(stack: Stack) -> dict[str, int]:
    """Return how many predictions each container of web has counted."""
    return {container: _asked(container, _COUNT) for container in stack.containers("web")}


def renew_certificate(stack: Stack) -> str:
    """Put another certificate into TLS_DIR, and let nginx read it under load."""
    before = _fingerprint(stack)
    with Load(stack.pages) as load:
        time.sleep(1)
        stack.make_certificate()
        stack.execute("nginx", "nginx", "-s", "reload")
        took = wait_for("the new certificate", lambda: _fingerprint(stack) != before, 30)
        time.sleep(2)
    line = f"new certificate {took:.1f} s after the reload; {load.line()}"
    _check(load)
    return f"{line}; {_stored(stack, load)}"


def _fingerprint(stack: Stack) -> str:
    return hashlib.sha256(ssl.get_server_certificate(("127.0.0.1", stack.tls), timeout=10).encode()).hexdigest()


def upgrade(stack: Stack, tag: str) -> str:
    """Replace the images under load with tools/upgrade.sh; static files and nginx's configuration change too."""
    client = Client(stack.pages)
    _marks(client, [204, 200])
    front = stack.container("nginx")
    use(tag)
    with Load(stack.pages) as load:
        time.sleep(2)
        begin = time.monotonic()
        stack.upgrade()
        took = time.monotonic() - begin
        time.sleep(2)
    line = f"{took:.0f} s; {load.line()}; {_stored(stack, load)}"
    _check(load)
    _marks(client, [404, 404])
    if stack.container("nginx") != front:
        raise WalkError("the container of nginx was replaced")
    return line


def _marks(client: Client, expected: list[int]) -> None:
    found = [client.ask("GET", path)[0] for path in engine.MARKS]
    if found != expected:
        raise WalkError(f"{', '.join(engine.MARKS)}: {found}, not {expected}")


def replace_nginx(stack: Stack) -> str:
    """Replace the container of nginx under load, for clients that repeat a request that got no answer."""
    before = _rows(stack)
    front = stack.container("nginx")
    with Load(stack.pages, repeats=True) as load:
        time.sleep(1)
        begin = time.monotonic()
        stack.environ["NGINX_IMAGE"] = engine.build_other_nginx()
        # the last line of tools/upgrade.sh
        stack.up("--no-deps", "nginx")
        took = time.monotonic() - begin
        time.sleep(3)
    if stack.container("nginx") == front:
        raise WalkError("the container of nginx was not replaced")
    line = f"{took:.1f} s; {load.line()}; {_stored(stack, load)}"
    _check(load)
    return f"{line}, {_rows(stack) - before - len(load.ids)} of requests that had to be repeated"


def _check(load: Load) -> None:
    if load.failures:
        raise WalkError(f"requests failed: {load.line()}")


def _rows(stack: Stack) -> int:
    return int(stack.sql("select count(*) from predictions"))


def _stored(stack: Stack, *loads: Load) -> str:
    """Wait until each answer that a client has is a row."""
    given = {one for load in loads for one in load.ids}

    def missing() -> set[str]:
        rows = stack.sql("select id from predictions").split()
        return given - {row.strip() for row in rows}

    wait_for("all answers in PostgreSQL", lambda: not missing(), 60)
    return f"{len(given)} answers, {len(given) - len(missing())} rows"
