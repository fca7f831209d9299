"""The texts of answers in a table."""

from __future__ import annotations

import numpy as np

from ml.batch.answer_columns import COLUMNS, answer_texts
from ml.serving.bulk import BulkAnswers


def test_a_table_without_the_index_tells_the_least_familiar_predictor_outside_only():
    numbers = np.array([0.25, 0.75])
    mess = np.array([5.0, -3.0])
    answers = BulkAnswers(
        numbers, numbers, numbers, numbers > 0, numbers, mess, np.array([0, 1], np.int16), np.array([0, 3], np.uint8)
    )
    full, without = answer_texts(answers, ["a", "b"]), answer_texts(answers, ["a", "b"], with_index=False)
    at = COLUMNS.index("dissimilarity_index")
    assert [row[at] for row in full] == ["0.25", "0.75"]
    assert [row[at] for row in without] == ["", ""]
    assert [row[at + 1 : at + 3] for row in full] == [("5.0", "a"), ("-3.0", "b")]
    assert [row[at + 1 : at + 3] for row in without] == [("", ""), ("", "b")]
    assert [row[:at] + row[at + 3 :] for row in full] == [row[:at] + row[at + 3 :] for row in without]
