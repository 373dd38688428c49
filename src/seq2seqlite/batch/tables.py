"""Table of the regions of all images of a batch."""

from collections.abc import Sequence
from pathlib import Path

from seq2seqlite.batch.jobs import TABLE, Done
from seq2seqlite.errors import InputError
from seq2seqlite.files import replace_when_done
from seq2seqlite.regions import Conditions, batch_table, table_text

__all__ = ["BATCH_TABLE", "check_batch_table", "write_batch_table"]

BATCH_TABLE = "batch.csv"
"""Name of the table in the output folder of a batch."""
# Columns by which a table of an earlier run is recognised.
COLUMNS = ("region", "pixels", "photons", "pixels_analysed")


def check_batch_table(path: Path, /) -> None:
    """Raise InputError if a file exists that is not the table of an earlier batch.

    See Also
    --------
    write_batch_table : Write the table.
    """
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8") as file:
            columns = file.readline().rstrip("\n").split(",")
    except (OSError, ValueError):
        columns = []
    if columns[:1] != ["file"] or not set(COLUMNS) <= set(columns):
        raise InputError(f"{path} was not written by seq2seqlite; move it or choose another output folder")


def write_batch_table(
    path: Path, files: Sequence[Path], results: Sequence[Done], conditions: Conditions | None, /
) -> None:
    """Write the table of the regions of all images of a batch, in the order of the files.

    Parameters
    ----------
    path : pathlib.Path
        CSV file.
    files : sequence of pathlib.Path
        Measurements.
    results : sequence of Done
        Results of these files. Failed files and stacks have no rows.
    conditions : Conditions or None
        Pattern of the file names.

    Raises
    ------
    InputError
        If a table of an image cannot be read, or the file cannot be written.

    See Also
    --------
    seq2seqlite.regions.batch_table : Rows of the table.
    map_files : Map several measurements.
    """
    tables = [
        (file, done.folder / TABLE)
        for file in dict.fromkeys(files)
        for done in results
        if done.path == file and done.summary is not None
    ]
    rows = batch_table([(file, table) for file, table in tables if table.is_file()], conditions=conditions)
    if rows:
        with replace_when_done(path) as temporary:
            temporary.write_text(table_text(rows), encoding="utf-8")
