"""A multipart form with files, read as a stream: no file is in memory, and its name is checked before it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from app.errors import MalformedBody

_BLOCK = 64 * 1024
_MOST_PARTS = 1_000
_LONGEST_FIELD = 64 * 1024


@dataclass(frozen=True)
class FormField:
    """A field with a text."""

    name: str
    value: str


@dataclass(frozen=True)
class FormFile:
    """A field with a file. Its content must be read before the next part of the form."""

    name: str
    file_name: str
    stream: IO[bytes]


class _Content:
    """The content of the file that the decoder is in."""

    def __init__(self, form: _Form) -> None:
        self._form = form
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, b"" at the end of the file."""
        while not self._ended:
            event = self._form.next_event()
            if not isinstance(event, Data):
                raise MalformedBody("The form ends within a file.")
            self._ended = not event.more_data
            if event.data:
                return event.data
        return b""


class _Form:
    def __init__(self, stream: IO[bytes], boundary: bytes, longest_field: int) -> None:
        self._stream = stream
        most = max(1024 * 1024, 2 * longest_field)
        self._decoder = MultipartDecoder(boundary, max_form_memory_size=most, max_parts=_MOST_PARTS)

    def next_event(self) -> object:
        while True:
            try:
                event = self._decoder.next_event()
                if not isinstance(event, NeedData):
                    return event
                data = self._stream.read(_BLOCK)
                self._decoder.receive_data(data or None)
            except RequestEntityTooLarge:
                raise
            except (OSError, ValueError, ParseException, ClientDisconnected):
                raise MalformedBody("The form is not complete, or not multipart/form-data.") from None


def parts(stream: IO[bytes], boundary: str, longest_field: int = _LONGEST_FIELD) -> Iterator[FormField | FormFile]:
    """Yield the fields and the files of a form in their order.

    Parameters
    ----------
    stream : binary stream
        The body of the request.
    boundary : str
        Of its ``Content-Type``.
    longest_field : int
        Bytes of a text.

    Raises
    ------
    MalformedBody
        The body is not such a form, or ends early.
    """
    if not boundary or not boundary.isascii() or len(boundary) > 200:
        raise MalformedBody("The form has no boundary.")
    form = _Form(stream, boundary.encode(), longest_field)
    while not isinstance(event := form.next_event(), Epilogue):
        content = _Content(form)
        if isinstance(event, Field):
            yield FormField(event.name, _text(content, longest_field))
        elif isinstance(event, File):
            yield FormFile(event.name, event.filename or "", content)  # type: ignore[arg-type]  # only read() is used
            while content.read():
                pass


def _text(content: _Content, longest: int) -> str:
    collected = b""
    while block := content.read():
        collected += block
        if len(collected) > longest:
            raise RequestEntityTooLarge
    return collected.decode("utf-8", "replace")
