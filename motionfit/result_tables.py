"""Reads the CSV files that stages write. They may have been edited or copied from another machine,
so they are checked first."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from motionfit.errors import MotionFitError

NUMBERS = {int: ("iu", "whole numbers"), float: ("iuf", "numbers")}
"""Types mapped to the kinds of NumPy types that can represent them, and to their name."""


def read_table(path: Path, columns: Mapping[str, type]) -> pd.DataFrame:
    """A table with at least the `columns`, each of type str, int or float. Empty text is ''.

    Raises MotionFitError if the file is missing or is not such a table, or if a value of a numeric
    column is not a number.
    """
    texts = {name: str for name, kind in columns.items() if kind is str}
    try:
        _check_rows(path)
        table = pd.read_csv(path, dtype=texts, keep_default_na=False, index_col=False)
    except FileNotFoundError:
        raise MotionFitError(f"the file {path} is missing") from None
    except OSError as error:
        raise MotionFitError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, csv.Error) as error:  # the file is empty or not UTF-8
        raise _invalid(path, str(error).strip()) from None
    if missing := [name for name in columns if name not in table.columns]:
        raise _invalid(path, f"the column(s) {', '.join(missing)} are missing")
    for name in columns.keys() - texts.keys():
        kinds, description = NUMBERS[columns[name]]
        if len(table) and table[name].dtype.kind not in kinds:
            line, value = _first_invalid_number(path, name, columns[name])
            raise _invalid(path, f"line {line}: {name} should be {description}, not {value!r}")
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the number of the last line of each row, and the fields of the row."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        for fields in reader:
            yield reader.line_num, fields


def _check_rows(path: Path) -> None:
    """Raises ValueError if the number of fields differs between rows, or a column appears twice.
    pandas would shift the columns, fill in values, or rename a column."""
    names: list[str] = []
    for line, fields in _rows(path):
        names = names or fields
        if fields is names and (twice := [name for name in names if names.count(name) > 1]):
            raise ValueError(f"it has the column {twice[0]!r} twice")
        if len(fields) != len(names):
            raise ValueError(f"line {line}: {len(fields)} fields, but {len(names)} columns")


def _first_invalid_number(path: Path, name: str, kind: type) -> tuple[int, str]:
    """The line and the content of the first field of a column that is not a number."""
    rows = _rows(path)
    column = next(rows)[1].index(name)
    for line, fields in rows:
        try:
            kind(fields[column])
        except ValueError:
            return line, fields[column]
    return 2, "numbers that are too large"


def _invalid(path: Path, reason: str) -> MotionFitError:
    return MotionFitError(
        f"{path} is not in the format that its stage writes ({reason}): delete it and run again to "
        "recreate it"
    )
