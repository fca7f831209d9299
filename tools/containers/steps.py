"""Steps of the walk: start, train, kill, restore.

Each returns a line with its counts, and raises WalkError where something is wrong.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tools.containers import made
from tools.containers.engine import WalkError
from tools.containers.load import Client
from tools.containers.stack import Stack, wait_for

_ENDED = ("succeeded", "failed", "cancelled")


def start(stack: Stack) -> str:
    """Start from empty volumes, until a prediction is answered through nginx."""
    begin = time.monotonic()
    stack.up()
    client = Client(stack.pages)
    wait_for("a prediction through nginx", client.answers, 600)
    first = time.monotonic() - begin
    times = []
    for number in range(5):
        one = time.monotonic()
        client.predict(bare_rock=20.0 + number)
        times.append(f"{time.monotonic() - one:.3f}")
    models = int(stack.sql("select count(*) from model_versions where active"))
    return f"first prediction {first:.0f} s after up, the next five in {', '.join(times)} s; {models} models"


def sign_up(stack: Stack) -> Client:
    """Return a client with the key of an admin."""
    stack.flask("users", "create", "walk@example.org", "--role", "admin")
    made_key = stack.flask(
        "keys", "create", "walk@example.org", "--name", "walk",
        "--scope", "read", "--scope", "predict", "--scope", "write", "--scope", "admin",
    )  # fmt: skip
    keys = [word for word in made_key.split() if word.startswith("eco_")]
    if not keys:
        raise WalkError(f"no key in: {made_key}")
    return Client(stack.pages, keys[0])


def _job(client: Client, job: str) -> Any:
    return client.read("GET", f"/api/v1/jobs/{job}")


def _finish(client: Client, job: str) -> Any:
    wait_for(f"the end of job {job}", lambda: _job(client, job)["state"] in _ENDED, 600)
    ended = _job(client, job)
    if ended["state"] != "succeeded":
        raise WalkError(f"job {job}: {ended['state']}, {ended['message']}")
    return ended


def train(client: Client) -> str:
    """Upload a study, train it, let its model answer, and ask it."""
    begin = time.monotonic()
    slug = client.read("POST", "/api/v1/studies", {"title": made.TITLE})["slug"]
    files = made.files()
    for name, content in files.items():
        client.read("PUT", f"/api/v1/studies/{slug}/files/{name}", raw=content)
    job = client.read("POST", f"/api/v1/studies/{slug}/trainings", _recipe(20))["id"]
    _finish(client, job)
    _activate(client, slug)
    (species,) = client.read("GET", f"/api/v1/species?study={slug}")["items"]
    middle = {
        one["name"]: one["median"] for one in client.read("GET", f"/api/v1/species/{species['slug']}")["predictors"]
    }
    answer = client.read("POST", "/api/v1/predictions", {"species": species["slug"], "environment": middle})
    return (
        f"{len(files)} files, 1 training, 1 model; answered {answer['verdict']} "
        f"{time.monotonic() - begin:.0f} s after the first upload"
    )


def _recipe(trees: int) -> dict[str, Any]:
    return {"settings": {"trees": trees, "background": 300}}


def _activate(client: Client, slug: str) -> None:
    for item in client.read("GET", f"/api/v1/studies/{slug}/versions")["items"]:
        if item["candidate"]:
            client.read("POST", f"/api/v1/models/{item['candidate']['id']}/activate")


def kill_worker(stack: Stack, client: Client) -> str:
    """Kill the worker while it trains: another one goes on with the job, and its model is there once."""
    (slug,) = (one["slug"] for one in client.read("GET", "/api/v1/studies")["items"] if one["title"] == made.TITLE)
    before = int(stack.sql("select count(*) from model_versions"))
    job = client.read("POST", f"/api/v1/studies/{slug}/trainings", _recipe(300))["id"]
    wait_for("the job to run", lambda: _job(client, job)["state"] != "queued", 60)
    time.sleep(1)
    state = _job(client, job)["state"]
    if state != "running":
        raise WalkError(f"the job was {state} before the worker was killed")
    stack.kill_processes("worker")
    killed = time.monotonic()
    _finish(client, job)
    n_models = int(stack.sql("select count(*) from model_versions")) - before
    if n_models != 1:
        raise WalkError(f"{n_models} new models after the worker was killed")
    n_restarts = stack.restarts("worker")
    if n_restarts < 1:
        raise WalkError("the engine did not restart the worker")
    return f"1 job, {n_restarts} restart, succeeded {time.monotonic() - killed:.0f} s after the kill; 1 model of it"


def _rows(stack: Stack) -> dict[str, int]:
    """Return the number of rows of each table."""
    tables = stack.sql("select tablename from pg_tables where schemaname = 'public' order by 1").split()
    counts = " union all ".join(f"select '{name}', count(*) from \"{name}\"" for name in tables)
    return {name: int(count) for name, count in (line.split("|") for line in stack.sql(counts).splitlines())}


# All but the snapshot of active models, which is made again from the database.
PACK = "tar -C /data -cf - --exclude=./registry ."
UNPACK = "find /data -mindepth 1 -delete && tar -C /data -xf -"
# A dump goes into an empty database, because pg_restore --clean leaves half of a newer schema.
RESTORE = (
    "dropdb -U eco --if-exists eco",
    "createdb -U eco eco",
    "pg_restore -U eco -d eco --exit-on-error --single-transaction --no-owner",
)
_DIGESTS = "cd /data && find . -path ./registry -prune -o -type f -exec sha256sum {} + | sort -k 2"


def restore(stack: Stack, client: Client, folder: Path) -> str:
    """Back up, destroy everything, restore, and compare."""
    answer = client.predict(bare_rock=33.0)
    wait_for("the answer in PostgreSQL", lambda: answer["id"] in stack.sql("select id from predictions").split(), 60)
    # nothing changes any more, so that the copy can be compared exactly
    stack.compose("stop", "nginx", "web", "worker")
    before, files = _rows(stack), stack.once(_DIGESTS)
    dump, data = folder / "ecopredict.dump", folder / "data.tar"
    begin = time.monotonic()
    stack.shell(f"exec -T postgres pg_dump -U eco --format=custom eco >{dump}")
    stack.shell(f"run --rm --no-deps -T migrate {PACK} >{data}")
    backed_up = time.monotonic() - begin

    stack.down()
    begin = time.monotonic()
    stack.up("postgres")
    wait_for("PostgreSQL", lambda: stack.is_healthy("postgres"), 60)
    for command in RESTORE:
        stack.shell(f"exec -T postgres {command} <{dump}")
    stack.shell(f"run --rm --no-deps -T migrate sh -c '{UNPACK}' <{data}")
    after, again = _rows(stack), stack.once(_DIGESTS)
    differing = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if differing or files != again:
        raise WalkError(f"the restored service differs: tables {differing}, files {files != again}")
    stack.up()
    wait_for("a prediction through nginx", client.answers, 600)
    took = time.monotonic() - begin
    if client.read("GET", f"/api/v1/predictions/{answer['id']}")["suitability"] != answer["suitability"]:
        raise WalkError("the answer from before the backup is another one")
    new = client.predict(bare_rock=33.0)
    if any(new[key] != answer[key] for key in ("suitability", "interval", "verdict", "model")):
        raise WalkError("the same question has another answer")
    size = (dump.stat().st_size + data.stat().st_size) / 1e6
    return (
        f"backup of {size:.0f} MB in {backed_up:.0f} s; {len(after)} tables with {sum(after.values())} rows and "
        f"{len(files.splitlines())} files equal to the source; answered {took:.0f} s after the restore began"
    )
