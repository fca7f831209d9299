"""Names that are not one determined species keep their text, and two names have two slugs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.catalogue.names import binomial
from ml.records.licences import licence_class
from ml.records.names import canonical_name, read_name, species_slug
from ml.records.species_encoder import SpeciesEncoder

NOT_DETERMINED = [
    "Larus cf. fuscus", "Larus aff. fuscus", "Larus nr. fuscus", "Larus ?fuscus", "Parus major?", "Larus (cf.) fuscus",
    "LARUS CF. FUSCUS", "ALLIUM SP. 1", "Parus Major", "H\u00eferacium M\u00fcll\u00ebri", "Parus LINNAEUS",
    "PARUS MAJOR LINNAEUS, 1758", "PARUS MAJOR LINNAEUS", "MARMOTA OLYMPUS DE WINTON", "Parus major juv.",
    "Parus major male", "Parus major L. juv.", "Salix alba cv. Tristis", "Larus fuscus cplx.", "Larus fuscus agg.",
    "Carex gr. flava", "Larus fuscus s.l.", "Abies alba auct. non Mill.", "Парус большой", "大山雀",
    "Parus\0major", "Abies alba × Abies nordmanniana", "Tobacco mosaic virus",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_DETERMINED)
def test_a_text_that_is_not_one_determined_name_stays_as_it_is(text):
    assert canonical_name(text) == text
    # so the API does not answer for the species whose name the text contains
    assert binomial(text) == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("BOMBUS (PYROBOMBUS) PRATORUM", "Bombus pratorum"),
        ("CANIS LUPUS SSP. FAMILIARIS (Linnaeus)", "Canis lupus familiaris"),
        ("BOMBUS PRATORUM (LINNAEUS, 1761)", "Bombus pratorum"),
        ("Parus major LINNAEUS, 1758", "Parus major"),
        ("Carex flava s.str.", "Carex flava"),
        ("Iso\u00ebtes lacustris", "Isoetes lacustris"),
        ("Isoe\u0308tes lacustris L.", "Isoetes lacustris"),
        ("Alo\u00eb vera (L.) Burm.f.", "Aloe vera"),
        ("Cyanistes caeruleus ogliastrae", "Cyanistes caeruleus ogliastrae"),
    ],
)
def test_determined_names_are_read(written, read):
    assert canonical_name(written) == read_name(written) == read


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, "NA", " nan ", "-", "", "<NA>", "NULL"])
def test_a_missing_name_is_no_species(missing):
    with pytest.raises(ValueError, match="every record needs a scientific name"):
        SpeciesEncoder().fit(["Parus major", missing])
    encoder = SpeciesEncoder(unknown="ignore").fit(["Parus major"])
    assert encoder.transform(["Parus major", missing]).tolist() == [0, -1]


def test_two_names_have_two_slugs():
    names = ["Parus major", "Parus major?", "Parus ?major", "Parus \u5927", "Parus \u5c71", "\u5927\u5c71\u96c0",
             "\u5c71\u96c0", "a" * 600, "a" * 601, "Larus fuscus \u00d7 argentatus",
             "Larus fuscus argentatus"]  # fmt: skip
    slugs = [species_slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(0 < len(slug) <= 150 for slug in slugs)
    assert slugs[0] == "parus-major" and slugs[-1] == "larus-fuscus-argentatus"
    assert species_slug("Iso\u00ebtes lacustris") == species_slug("Isoetes lacustris") == "isoetes-lacustris"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC BY 4.0" + " " * 2000 + "for non-commercial research only, all rights reserved", ""),
        ("CC BY v4.0 NC", "CC BY-NC"),
        ("CC BY, version 4.0, NC", "CC BY-NC"),
        ("Attribution 4.0 (NC)", "CC BY-NC"),
        ("CC0 1.0 BY", ""),
        ("CC 4.0 BY", "CC BY"),
        ("CC-BY-3.0-IGO", "CC BY"),
        ("CC-BY-NC-SA-3.0-IGO", "CC BY-NC"),
        ("CC-PDDC", "CC0"),
        ("CC-PDM-1.0", "CC0"),
        ("https://spdx.org/licenses/CC-BY-4.0.html", "CC BY"),
        ("https://spdx.org/licenses/CC-BY-NC-4.0", "CC BY-NC"),
        ("https://spdx.org/licenses/CC-BY-4.0-NC.html", "CC BY-NC"),
        ("http://creativecommons.org/licenses/publicdomain/", "CC0"),
        ("Creative Commons Attribution 4.0 International Public License", "CC BY"),
        ("Public License", ""),
        ('<a rel="license" href="http://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>', "CC BY"),
        ('<a href="https://creativecommons.org/licenses/by/4.0/">CC BY-NC</a>', "CC BY-NC"),
        ('<a href="https://example.org/terms">CC BY</a>', ""),
        ('<a title="research only" href="https://creativecommons.org/licenses/by/4.0/">CC BY</a>', ""),
    ],
)
def test_licences_of_lists_links_and_long_texts(text, expected):
    assert licence_class(text) == expected
