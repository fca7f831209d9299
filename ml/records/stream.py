"""Text of a table, decoded piece by piece: the encoding, and the lines."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from ml.records.delimited import check_line
from ml.records.dialect import MARKS
from ml.records.errors import OccurrenceError
from ml.records.sources import Member

#: Called with the bytes that were read since the last call, and the size of the file where it is known.
Progress = Callable[[int, int | None], None]
#: Bytes that are decoded at a time.
_PIECE = 1 << 20
#: Characters that no text has: null, and the marks of bytes that could not be decoded.
DAMAGED = re.compile("[\0\ud800-\udfff]")
#: Longest line, characters.
_LONGEST_LINE = 20_000_000
#: Bytes by which UTF-16 without a mark is recognised.
_SAMPLE = 4_096
#: Shortest sample, and smallest share of null bytes at every second place, that make UTF-16 certain.
_FEWEST, _MOST_LATIN = 16, 0.9


class NotUtf8Error(OccurrenceError):
    """The content is not UTF-8, though nothing states another encoding."""


@dataclass(frozen=True)
class Encoding:
    """The encoding of a table.

    Attributes
    ----------
    codec : str
    certain : bool
        Whether it is stated, or follows from the content. UTF-8 that is only assumed may turn out to be wrong.
    """

    codec: str
    certain: bool


def find_encoding(member: Member, stated: str | None, override: str | None) -> Encoding:
    """Return the encoding of a table: the one that the user states, that of a byte order mark, or the stated one.

    Parameters
    ----------
    member : Member
    stated : str or None
        As the description of an archive states it. UTF-8 is stated so often without a check that it stays uncertain.
    override : str or None
        As the user states it.
    """
    with member.open() as stream:
        start = stream.read(_SAMPLE)
    mark = next((codec for mark, codec in MARKS if start.startswith(mark)), None)
    if override:
        plain = override.lower().replace("-", "").replace("_", "")
        return Encoding("utf-8-sig" if plain == "utf8" and mark == "utf-8-sig" else override, True)
    if mark:
        return Encoding(mark, True)
    if wide := _utf16_without_mark(start):
        return Encoding(wide, True)
    if stated and stated.lower().replace("-", "").replace("_", "") != "utf8":
        return Encoding(stated, True)
    return Encoding(stated or "utf-8", False)


def _utf16_without_mark(start: bytes) -> str | None:
    """Return the codec of UTF-16 where nearly every second byte is null, as in text of Latin letters."""
    pairs = len(start) // 2
    if pairs < _FEWEST:
        return None
    first, second = start[0 : 2 * pairs : 2].count(0) / pairs, start[1 : 2 * pairs : 2].count(0) / pairs
    if second > _MOST_LATIN and first == 0:
        return "utf-16-le"
    if first > _MOST_LATIN and second == 0:
        return "utf-16-be"
    return None


def decode_pieces(
    member: Member, encoding: Encoding, progress: Progress | None = None, *, tolerant: bool = False
) -> Generator[str, None, None]:
    """Yield the text of a table in pieces.

    Parameters
    ----------
    member : Member
    encoding : Encoding
    progress : callable, optional
    tolerant : bool
        Whether bytes that are not in an encoding of Unicode become lone surrogates (`DAMAGED` finds them), and null
        characters are left in the text, for callers that refuse the row instead of the file.

    Raises
    ------
    NotUtf8Error
        UTF-8 was assumed, and is wrong.
    OccurrenceError
        The encoding is unknown, the content is not in it, or contains a null character.
    """
    codec, name = encoding.codec, member.name
    try:
        decoder = codecs.getincrementaldecoder(codec)(_handler(codec) if tolerant else "strict")
        if not isinstance(decoder.decode(b""), str):
            # Codecs such as "hex" or "zip" return bytes.
            raise OccurrenceError(f"{name}: {codec[:40]!r} is not a text encoding")
    except (LookupError, ValueError):
        raise OccurrenceError(f"{name}: unknown encoding {codec[:40]!r}") from None
    line, position = 1, 0
    with member.open() as stream:
        while True:
            content = stream.read(_PIECE)
            before = position - len(decoder.getstate()[0])
            try:
                text = decoder.decode(content, final=not content)
            except UnicodeDecodeError as error:
                # The decoder saw the rest of the piece before, and this piece.
                row = line + error.object.count(b"\n", 0, error.start)
                place, value = before + error.start + 1, error.object[error.start]
                kind = OccurrenceError if encoding.certain else NotUtf8Error
                hint = "" if encoding.certain else "; save it as UTF-8 (in Excel: CSV UTF-8)"
                raise kind(f"{name}, line {row}: not {codec}, byte {place:,} is {value:#04x}{hint}") from None
            except ValueError:
                raise OccurrenceError(f"{name} is not {codec}") from None
            if "\0" in text and not tolerant:
                row = line + text.count("\n", 0, text.index("\0"))
                raise OccurrenceError(f"{name}, line {row}: not text, it contains a null character")
            line += text.count("\n")
            position += len(content)
            if progress is not None:
                progress(len(content), member.size)
            if text:
                yield text
            if not content:
                return


def _handler(codec: str) -> str:
    """Return the error handler that marks what a codec cannot decode."""
    plain = codec.lower().replace("-", "").replace("_", "")
    return "surrogatepass" if plain.startswith(("utf16", "utf32")) else "surrogateescape"


def split_lines(pieces: Iterator[str], delimiter: str, name: str) -> Iterator[str]:
    r"""Yield the lines of a text that comes in pieces, each with ``\n``, as `ml.records.delimited` needs them."""
    first = next(pieces, "")
    # A single carriage return within a line belongs to a field.
    end = "\n" if "\n" in first else "\r"
    rest, number = "", 0
    for piece in itertools.chain([first], pieces):
        lines = (rest + piece).split(end)
        rest = lines.pop()
        for line in lines:
            number += 1
            yield check_line(line, delimiter, number, name)
        if len(rest) > _LONGEST_LINE:
            check_line(rest, delimiter, number + 1, name)
            raise OccurrenceError(f"{name}, line {number + 1}: longer than {_LONGEST_LINE:,} characters")
    # Ctrl-Z is the end of a file of DOS.
    rest = rest.removesuffix("\x1a")
    if rest:
        yield check_line(rest, delimiter, number + 1, name)
