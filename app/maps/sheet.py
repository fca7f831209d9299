"""A picture of a map as one sheet: title, what lies beyond the model, map, legend, citation and address."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from app.maps import palettes
from app.maps.fonts import Font, font
from app.maps.legends import Legend

_WIDTH, _MARGIN, _GAP = 940, 20, 8
_PAPER, _INK, _QUIET, _LINE = "#ffffff", "#1b1f23", "#4b5258", "#8a8f94"
_SCALE_WIDTH, _SCALE_HEIGHT, _KEY = 420, 18, 16
#: Lines of a text at most; the address has all of it.
_MOST_LINES = 10


@dataclass(frozen=True)
class SheetText:
    """The words of a sheet.

    Attributes
    ----------
    species, conditions : str
    legend : Legend
        Of the quantity that is drawn.
    sentences : list of str
        Above the map: first how much lies beyond what the model has seen.
    citation : list of str
        Citation, licences, model and address.
    """

    species: str
    conditions: str
    legend: Legend
    sentences: list[str]
    citation: list[str]


def draw(picture: bytes, text: SheetText) -> bytes:
    """Return a sheet as PNG.

    Parameters
    ----------
    picture : bytes
        The map as PNG, clear where it has no answer; at most 900 pixels wide.
    text : SheetText
    """
    with Image.open(BytesIO(picture)) as opened:
        image = opened.convert("RGBA")
    sheet = _Sheet(image.height)
    sheet.write(text.species, font(26, italic=True, bold=True), most=2)
    sheet.write(text.conditions, font(17), most=2)
    for sentence in text.sentences:
        sheet.write(sentence, font(15), most=4)
    sheet.space(_GAP)
    sheet.paste(image)
    sheet.space(2 * _GAP)
    _draw_legend(sheet, text.legend)
    sheet.space(_GAP)
    for line in text.citation:
        sheet.write(line, font(12), _QUIET, most=_MOST_LINES)
    return sheet.encode()


class _Sheet:
    """A column of texts and pictures. It is cut below the last one."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (_WIDTH, height + 2_400), _PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.top = _MARGIN

    def space(self, height: int) -> None:
        """Leave some room."""
        self.top += height

    def write(self, text: str, face: Font, colour: str = _INK, most: int = 1) -> None:
        """Write a text in lines."""
        height = (
            round(1.25 * face.face.getbbox("Ég")[3]) if face.is_complete else round(1.6 * face.face.getbbox("Eg")[3])
        )
        for line in face.lines(text, _WIDTH - 2 * _MARGIN, most):
            self.pen.text((_MARGIN, self.top), line, fill=colour, font=face.face)
            self.top += height

    def paste(self, image: Image.Image) -> None:
        """Draw a picture with a frame."""
        left = (_WIDTH - image.width) // 2
        self.image.paste(image, (left, self.top), image)
        self.pen.rectangle((left - 1, self.top - 1, left + image.width, self.top + image.height), outline=_LINE)
        self.top += image.height

    def encode(self) -> bytes:
        """Return the sheet as PNG."""
        buffer = BytesIO()
        self.image.crop((0, 0, _WIDTH, self.top + _MARGIN)).save(buffer, format="PNG")
        return buffer.getvalue()


def _draw_legend(sheet: _Sheet, legend: Legend) -> None:
    sheet.write(legend.label, font(16, bold=True))
    if legend.steps:
        _draw_scale(sheet, legend)
    keys: list[tuple[str, str | None]] = list(legend.categories)
    if legend.is_hatched:
        keys.append(("Cannot say", None))
    _draw_keys(sheet, keys)
    if legend.note:
        sheet.write(legend.note, font(13), _QUIET, most=3)


def _draw_scale(sheet: _Sheet, legend: Legend) -> None:
    small = font(13)
    pen, face, left = sheet.pen, small.face, _MARGIN
    if legend.threshold is not None:
        x = left + legend.threshold * _SCALE_WIDTH
        label = small.text(f"threshold {legend.threshold:.2f}")
        half = face.getlength(label) / 2
        middle = min(max(x, left + half), left + _SCALE_WIDTH - half)
        pen.text((middle - half, sheet.top), label, fill=_INK, font=face)
        sheet.space(22)
    top, bottom = sheet.top, sheet.top + _SCALE_HEIGHT
    step = _SCALE_WIDTH / len(legend.steps)
    for number, colour in enumerate(legend.steps):
        pen.rectangle(
            (left + round(number * step), top, left + round((number + 1) * step) - 1, bottom - 1), fill=colour
        )
    if legend.threshold is not None:
        pen.line((round(x), top - 4, round(x), bottom + 4), fill=_INK, width=3)
    for share, end in zip((0.0, 0.5, 1.0), legend.ends, strict=True):
        label = small.text(end)
        pen.text((left + share * (_SCALE_WIDTH - face.getlength(label)), bottom + 3), label, fill=_QUIET, font=face)
    sheet.space(_SCALE_HEIGHT + 26)


def _draw_keys(sheet: _Sheet, keys: list[tuple[str, str | None]]) -> None:
    """Draw squares with their words, as many in a line as there is room for; without a colour, hatched."""
    face = font(14)
    left = _MARGIN
    for label, colour in keys:
        (words,) = face.lines(label, _WIDTH / 2, 1) or [""]
        width = _KEY + 6 + round(face.face.getlength(words)) + 22
        if left > _MARGIN and left + width > _WIDTH - _MARGIN:
            left = _MARGIN
            sheet.space(_KEY + 8)
        square = Image.new("RGB", (_KEY, _KEY), colour or _PAPER) if colour else _hatched()
        sheet.image.paste(square, (left, sheet.top + 1))
        sheet.pen.rectangle((left - 1, sheet.top, left + _KEY, sheet.top + _KEY + 1), outline=_LINE)
        sheet.pen.text((left + _KEY + 6, sheet.top + _KEY // 2 + 1), words, fill=_INK, font=face.face, anchor="lm")
        left += width
    if keys:
        sheet.space(_KEY + 10)


def _hatched() -> Image.Image:
    """Return a square with the hatching of maps."""
    greys = palettes.palette_of("verdict", {})
    return Image.fromarray(greys[palettes.hatching(_KEY, _KEY)])
