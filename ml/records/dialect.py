"""Encoding, delimiter and quotation mark of delimited text."""

from __future__ import annotations

import codecs
import re

from ml.records.errors import OccurrenceError
from ml.records.row_names import QUOTED

#: Longest line of a header that is searched for the delimiter, characters.
LONGEST_HEADER = 100_000
#: The line with which Excel states the delimiter.
STATED_DELIMITER = re.compile(r'"?sep=(?P<delimiter>[\t;,|])"?\r?\n?', re.IGNORECASE)
#: Byte order marks and their codecs.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The mark of UTF-32 begins like that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, encoding: str, name: str) -> str:
    """Decode a file, strictly. A byte order mark overrides the stated encoding.

    Parameters
    ----------
    content : bytes
    encoding : str
        As the file's description states it.
    name : str
        Name of the file, for messages.

    Raises
    ------
    OccurrenceError
        The encoding is unknown, the content is not in it, or contains a null character.
    """
    if content.startswith(b"PK\x03\x04"):
        raise OccurrenceError(f"{name} is a zip file or an Excel workbook, not a table; export it as CSV")
    codec = next((codec for mark, codec in MARKS if content.startswith(mark)), encoding)
    try:
        text = content.decode(codec)
    except LookupError:
        raise OccurrenceError(f"{name}: unknown encoding {codec[:40]!r}") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "; save it as UTF-8 (in Excel: CSV UTF-8)" if codec.lower().replace("-", "") == "utf8" else ""
        raise OccurrenceError(
            f"{name}, line {line}: not {codec}, byte {error.start + 1:,} is {error.object[error.start]:#04x}{hint}"
        ) from None
    except ValueError:
        raise OccurrenceError(f"{name} is not {codec}") from None
    if not isinstance(text, str):
        # Codecs such as "hex" or "zip" return bytes.
        raise OccurrenceError(f"{name}: {codec[:40]!r} is not a text encoding")
    if "\0" in text:
        # A tar file of a table, or UTF-16 without a byte order mark, would otherwise be read as a damaged table.
        line = text.count("\n", 0, text.index("\0")) + 1
        raise OccurrenceError(f"{name}, line {line}: not text, it contains a null character")
    # Ctrl-Z is the end of a file of DOS.
    return text.removesuffix("\x1a")


def find_delimiter(text: str) -> str:
    """Return the delimiter of a table, by its header: the tab, semicolon, comma or bar that occurs most often.

    Delimiters in quotation marks do not count. Excel's line ``sep=;`` before the header states the delimiter.
    """
    start = text[:LONGEST_HEADER].lstrip("\r\n")
    stated = STATED_DELIMITER.match(start)
    if stated and (stated.end() == len(start) or start[stated.end() - 1] == "\n" or start[stated.end()] == "\r"):
        return stated["delimiter"]
    header = QUOTED.sub("", start).splitlines()[:1]
    counts = {delimiter: header[0].count(delimiter) if header else 0 for delimiter in "\t;,|"}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else ","


def find_quote(text: str, delimiter: str) -> str:
    """Return the quotation mark of a table: none in tab-separated text, unless the names of all columns are quoted.

    GBIF's tab-separated downloads do not quote, so that a quotation mark in them is a plain character. R's write.table
    quotes.
    """
    if delimiter != "\t":
        return '"'
    header = text[:LONGEST_HEADER].lstrip("\r\n").splitlines()[:1]
    names = [name for name in header[0].split("\t") if name.strip()] if header else []
    return '"' if names and all(re.fullmatch(r'"[^"]*"', name.strip()) for name in names) else ""
