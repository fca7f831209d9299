"""Files with records from GBIF: their names, and the citation within and beside them."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from ml.records.errors import OccurrenceError
from ml.records.gbif_keys import CITATION_FILES, CITATIONS, DOWNLOAD_DOI
from ml.records.zip_files import member_names, open_zip

#: Bytes that are read of a file of an archive that may state a citation.
_LARGEST_CITATION = 1_000_000
# The same content gives the same zip file, to the byte.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def target_of(output: Path, name: str) -> Path:
    """Return the file to write: the output, or the file of a name in it where it is a folder."""
    if not output.is_dir():
        return output
    if (output / name).exists():
        raise OccurrenceError(f"{output / name} exists already; remove it first")
    return output / name


def plain_file_name(name: str) -> str:
    """Return a scientific name without characters that the name of a file cannot have."""
    letters = "".join(one if one.isalnum() or one in "-×" else " " for one in name)
    return " ".join(letters.split()).strip("-")[:60].strip() or "Species"


def finish_table(part: Path, output: Path, citation: str) -> None:
    """Give a table its name, or pack it with its citation."""
    write_citation(output, citation)
    if output.suffix.lower() != ".zip":
        part.replace(output)
        return
    draft = output.with_name(f".{output.name}.draft")
    with zipfile.ZipFile(draft, "w") as archive:
        with part.open("rb") as source, archive.open(_member(f"{output.stem}.csv"), "w") as target:
            shutil.copyfileobj(source, target)
        archive.writestr(_member(CITATIONS), _text_of(citation))
    draft.replace(output)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _NO_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _text_of(citation: str) -> str:
    """Return a citation as lines: the citation, then the keys of the datasets."""
    line, _, datasets = citation.partition(" Datasets: ")
    return f"{line}\nDatasets: {datasets}\n" if datasets else f"{line}\n"


def add_citation(path: Path, citation: str) -> None:
    """Add a citation to a download, unless it states its DOI: archives do, simple downloads have only the table."""
    with open_zip(path) as archive:
        members = member_names(archive)
        for name, info in members.items():
            if name.rsplit("/", 1)[-1] in CITATION_FILES:
                with archive.open(info) as stream:
                    if DOWNLOAD_DOI.search(stream.read(_LARGEST_CITATION).decode("utf-8", "replace")):
                        return
    if CITATIONS not in members:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(_member(CITATIONS), _text_of(citation))


def write_citation(output: Path, citation: str) -> None:
    """Write a citation beside a file."""
    output.with_name(f"{output.name}.citation.txt").write_text(citation + "\n", encoding="utf-8")
