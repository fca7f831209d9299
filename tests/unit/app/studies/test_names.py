"""Names of files that belong together, and slugs."""

from __future__ import annotations

import pytest

from app.studies import names
from ml.recipes.companions import is_companion


@pytest.mark.parametrize(
    ("name", "stem", "belongs"),
    [
        ("bio1.tif", "bio1", False),
        ("bio1.tif.aux.xml", "bio1", True),
        ("BIO1.PRJ", "bio1", True),
        ("bio1.gri", "bio1", True),
        ("bio1.tfw", "bio1", True),
        ("wc2.1_10m_bio_1.tif", "wc2.1_10m_bio_1", False),
        ("noending", "noending", False),
    ],
)
def test_files_that_belong_together_have_one_stem(name, stem, belongs):
    assert (names.stem(name), is_companion(name)) == (stem, belongs)


def test_a_numbered_slug_is_no_longer_than_a_slug():
    assert names.numbered("lizards", 2) == "lizards-2"
    assert names.numbered("x" * 60, 12) == "x" * 57 + "-12"
