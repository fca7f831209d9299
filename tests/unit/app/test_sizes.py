"""Numbers of bytes as people write them."""

from __future__ import annotations

import pytest

from app.web.sizes import read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("2048", 2048), ("1 kB", 1000), ("2  GB", 2 * 10**9), ("1,5 MB", 1_500_000), ("2 GiB", 2**31), ("1 TB", 10**12)],
)
def test_a_size_is_read(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1 GB", "2 fish", "1.5", "1e3", "2 GB 1", "٣ GB", "9" * 19, "1.2.3 MB"])
def test_what_is_no_size_is_none(text):
    assert read_size(text) is None
