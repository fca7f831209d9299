"""Fonts of pictures: Open Sans, which `make fetch` stores, or the small font of Pillow without it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

_STATIC = Path(__file__).parents[1] / "static" / "vendor"
_FILES = {False: _STATIC / "open-sans.ttf", True: _STATIC / "open-sans-italic.ttf"}
#: Characters that Pillow's font lacks and that do not decompose.
_REPLACEMENTS = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "ß": "ss", "ø": "o", "ł": "l"}
)


@dataclass(frozen=True)
class Font:
    """A font of one size.

    Attributes
    ----------
    face : ImageFont.FreeTypeFont or ImageFont.ImageFont
    is_complete : bool
        Whether it has more than the letters of English.
    """

    face: ImageFont.FreeTypeFont | ImageFont.ImageFont
    is_complete: bool

    def text(self, text: str) -> str:
        """Return a text in the characters of the font."""
        if self.is_complete:
            return text
        plain = unicodedata.normalize("NFKD", text.translate(_REPLACEMENTS))
        return "".join(one for one in plain if not unicodedata.combining(one)).encode("ascii", "replace").decode()

    def lines(self, text: str, width: float, most: int) -> list[str]:
        """Return a text in lines of a width, at most so many; the last one ends with dots where more is left."""
        lines, line = [], ""
        for word in self.text(text).split():
            joined = f"{line} {word}".strip()
            if self.face.getlength(joined) <= width:
                line = joined
                continue
            lines += [line] if line else []
            while self.face.getlength(word) > width and len(lines) < most:
                # an address or an id that is longer than a line
                n = next(n for n in range(len(word), 0, -1) if n == 1 or self.face.getlength(word[:n]) <= width)
                lines.append(word[:n])
                word = word[n:]
            line = word
            if len(lines) >= most:
                break
        lines += [line] if line else []
        if len(lines) <= most:
            return lines
        return [*lines[: most - 1], f"{lines[most - 1].rstrip('.,;')} ..."]


def font(size: int, *, italic: bool = False, bold: bool = False) -> Font:
    """Return a font; a new one each time, because one cannot be used by two threads.

    Parameters
    ----------
    size : int
        Pixels.
    italic, bold : bool
    """
    try:
        face = ImageFont.truetype(str(_FILES[italic]), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        return Font(ImageFont.load_default(size), is_complete=False)
    if bold:
        face.set_variation_by_name("Bold Italic" if italic else "Bold")
    return Font(face, is_complete=True)
