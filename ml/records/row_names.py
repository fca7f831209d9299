"""Row names as R's write.table writes them: a field at the beginning of each row that the header does not have."""

from __future__ import annotations

import re

from ml.records.errors import OccurrenceError

#: Rows 100,000 and 200,000 of R are "1e+05" and "2e+05".
_NUMBER = r"(?:\d+|\d(?:\.\d+)?e\+\d+)"
#: A field in quotation marks: at the beginning of a line or after a delimiter.
QUOTED = re.compile(r'(?:^|(?<=[\t;,|]))"(?:[^"]|"")*"', re.MULTILINE)


def has_row_names(row: str, delimiter: str, n_columns: int) -> bool:
    """Return whether R's write.table wrote row names: a quoted number in a field that the header does not have.

    Row names that are not quoted look like a value with a decimal comma, so they are not accepted. Nor are they where
    all fields of the row are quoted, because ``"10","5","20"`` may be a value that was cut at its decimal comma.

    Parameters
    ----------
    row : str
        The first row below the header, as the file has it.
    delimiter : str
        One character.
    n_columns : int
        The number of columns of the header.
    """
    without_quoted = QUOTED.sub("", row)
    one_more = without_quoted.count(delimiter) == n_columns
    return one_more and bool(
        re.match(rf'"{_NUMBER}"{re.escape(delimiter)}', row) and without_quoted.strip(f"{delimiter}\n ")
    )


class RowNames:
    """Removal of the row names of a table, each of which must be a number of its own.

    Parameters
    ----------
    file_name : str
        For messages.
    """

    def __init__(self, file_name: str) -> None:
        self._file_name = file_name
        self._names: set[str] = set()

    def remove(self, row: list[str], n_columns: int, line: int) -> list[str]:
        """Return a row without its name.

        Raises
        ------
        OccurrenceError
            The row has none.
        """
        if len(row) != n_columns + 1 or not re.fullmatch(_NUMBER, row[0]) or row[0] in self._names:
            raise OccurrenceError(
                f"{self._file_name}, line {line}: the rows before begin with a row name as R's write.table writes it, "
                "but this one does not begin with a number of its own"
            )
        self._names.add(row[0])
        return row[1:]
