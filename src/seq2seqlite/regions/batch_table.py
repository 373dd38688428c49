"""Table of the regions of several measurements."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seq2seqlite.errors import InputError
from seq2seqlite.io.expand import distinct_names
from seq2seqlite.regions.conditions import Conditions

__all__ = ["batch_table"]


def batch_table(
    tables: Iterable[tuple[Path, Path]], /, *, conditions: Conditions | None = None
) -> list[dict[str, Any]]:
    """Return the rows of the tables of several measurements.

    Parameters
    ----------
    tables : iterable of (pathlib.Path, pathlib.Path)
        Measurements, and the file ``regions.csv`` of each, or of each of its channels.
    conditions : Conditions, optional
        Pattern of the file names.

    Returns
    -------
    list of dict
        A row for each file and region: ``file`` (its name; if two are equal, with the name of the folder in
        front, as the output folder), a column for each condition, and the columns of
        ``regions.csv``, all as text.

    Raises
    ------
    InputError
        If a name does not match the pattern, or a table cannot be read.

    See Also
    --------
    region_table : Rows of one measurement.
    table_text : The table as CSV.
    """
    rows: list[dict[str, Any]] = []
    listed = list(tables)
    names = distinct_names([measurement for measurement, _ in listed])
    for name, (measurement, table) in zip(names, listed, strict=True):
        named = {} if conditions is None else conditions.of(measurement)
        try:
            with table.open(encoding="utf-8", newline="") as file:
                found = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(f"{table} cannot be read ({error}); analyse {measurement} again") from error
        rows += [{"file": name, **named, **row} for row in found]
    return rows
