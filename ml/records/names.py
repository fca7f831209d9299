"""Scientific names: canonical form and slugs."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import nameparser

from ml.records.missing import is_missing

#: Longest name that is parsed, characters.
_LONGEST = 500
#: Longest slug, as model cards allow it.
_LONGEST_SLUG = 150
# Two names in one text (a hybrid formula, an undecided identification, a list), an unpaired surrogate, or a character
# that controls a terminal.
_NOT_A_NAME = re.compile("[/;|+\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Genus, subgenus and epithets in capitals, without an author.
_CAPITALS = re.compile(r"[^\W\d_]+( \([^\W\d_]+\))? [^\W\d_][\w'’-]*( (SUBSP|SSP|VAR|F)\. [^\W\d_][\w'’-]*)?")
# The author of a name in capitals is in brackets; otherwise it looks like an epithet.
_AUTHOR_IN_BRACKETS = re.compile(r" \([^()]+\)$")
# Words that stand in the place of a third epithet: sexes, stages of life, groups of species.
_NOTES = frozenset(
    re.findall(
        r"\w+",
        "adult adults agg calf chick chicks complex cplx cub cv dead egg eggs exuviae female females ff group gr "
        "hybrid imago imm immature indet juv juvenile juveniles larva larvae male males mm nest nymph nymphs pair "
        "pullus pup pupa pupae sapling seedling skull sp species spp ssp subadult subsp tadpole tadpoles var worker",
    )
)
# Of a name with two ranks below the species, the last epithet identifies the taxon.
_HARMLESS = re.compile("name was quadrinomial$|Removed: ")
# Notes that say that another taxon is meant: a misapplied name, or a wider one.
_ANOTHER_TAXON = re.compile(r"\b(auct|non|nec|sensu(?! str)|s\. ?l)\b", re.IGNORECASE)


def canonical_name(name: str) -> str:
    """Return genus and epithets of a scientific name, without subgenus, authorship, year, rank markers and accents.

    The parser of the Global Biodiversity Information Facility (gbif-name-parser) reads the name. The International Code
    of Nomenclature for algae, fungi, and plants makes the diaeresis optional (article 60.7).

    Parameters
    ----------
    name : str
        For example ``"Acropora digitifera (Dana, 1846)"``.

    Returns
    -------
    str
        For example ``"Acropora digitifera"``; empty when there is no name, as in ``"NA"``. A text that is not one
        determined name, or that the parser does not understand (``"Allium sp. 1"``, ``"Larus cf. fuscus"``,
        ``"PARUS MAJOR LINNAEUS"``, a hybrid formula, a virus) is returned as it is, without surrounding blanks, so
        that different texts stay different.
    """
    text = _tidy(name)
    return read_name(text) or text


def read_name(name: str) -> str | None:
    """Return the canonical name, or None where a text is not one determined name.

    Parameters
    ----------
    name : str
        As `canonical_name`.
    """
    text = _tidy(name)
    canonical = _read(text)
    # A form that is read as another name comes from a text that the parser does not understand.
    return canonical if canonical and _read(canonical) == canonical else None


def _tidy(name: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", name).split()).strip(" ;,|")
    return "" if is_missing(text) else text


def _read(text: str) -> str | None:
    if not text or len(text) > _LONGEST or _NOT_A_NAME.search(text):
        return None
    words = text.split()
    if len(words) > 1 and len(words[1].strip("()")) > 2 and words[1].isupper():
        return _read_capitals(text)
    return _accept(_parse(text), text)


def _read_capitals(text: str) -> str | None:
    """Read a name in capitals. The parser takes an author in capitals for an epithet, and the reverse."""
    words = _AUTHOR_IN_BRACKETS.sub("", text)
    if not _CAPITALS.fullmatch(words):
        return None
    genus, *epithets = words.split()
    # "Parus LINNAEUS" is a genus with its author.
    if genus != genus.upper() and genus != genus.lower():
        return None
    lower = " ".join([genus.capitalize(), *(re.sub(r"\((\w)", _upper, word.lower()) for word in epithets)])
    return _accept(_parse(lower), lower)


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


def _accept(parsed: nameparser.ParsedName | nameparser.Informal | None, text: str) -> str | None:
    """Return genus and epithets, or None where the text is not one determined name or the parser is in doubt."""
    if not isinstance(parsed, nameparser.ParsedName) or parsed.type != "SCIENTIFIC" or parsed.state != "COMPLETE":
        return None
    if (
        any(not _HARMLESS.match(warning) for warning in parsed.warnings)
        or parsed.doubtful
        or parsed.epithet_qualifier
        or parsed.rank == "SPECIES_AGGREGATE"
    ):
        return None
    if parsed.taxonomic_note and _ANOTHER_TAXON.search(parsed.taxonomic_note):
        return None
    epithets = [epithet for epithet in (parsed.specific_epithet, parsed.infraspecific_epithet) if epithet]
    genus = parsed.genus or parsed.uninomial
    if genus is None or (not epithets and text.lower() != genus.lower()):
        # "Parus Major" is read as a genus and its author.
        return None
    if parsed.specific_epithet is None and parsed.infraspecific_epithet is not None:
        return None
    if any(re.search(rf"\b{re.escape(epithet)}\.", text, re.IGNORECASE) for epithet in epithets):
        # An abbreviation, as "juv." or "gr.".
        return None
    if parsed.rank.endswith("_NAME") and parsed.infraspecific_epithet in _NOTES:
        return None
    return _without_accents(" ".join([genus, *epithets]))


def _parse(text: str) -> nameparser.ParsedName | nameparser.Informal | None:
    try:
        return nameparser.parse(text)
    except nameparser.UnparsableNameError:
        return None


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def species_slug(name: str) -> str:
    """Return the slug of a scientific name, for addresses and file names.

    Parameters
    ----------
    name : str
        A scientific name, with or without authorship.

    Returns
    -------
    str
        Lower-case ASCII letters and digits joined by hyphens, at most 150; "" only where there is no name. It ends with
        a part of a hash where letters are lost (another script, a long text), and where a text that is not a determined
        name (``"Larus ?fuscus"``) would have the slug of one, so that two names have two slugs.
    """
    canonical = canonical_name(name)
    plain = _without_accents(canonical)
    slug = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower()).strip("-")
    is_complete = bool(slug or not canonical) and not any(c.isalnum() and not c.isascii() for c in plain)
    if is_complete and len(slug) <= _LONGEST_SLUG and (read_name(canonical) or not read_name(slug.replace("-", " "))):
        return slug
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug[: _LONGEST_SLUG - 9].strip('-')}-{digest}".strip("-")
