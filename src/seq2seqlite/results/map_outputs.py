"""Formats and names of the files of lifetime maps, and recognition of files from an earlier run."""

from collections.abc import Iterable
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.maps import MAP_UNITS
from seq2seqlite.outputs import OutputSet

__all__ = ["FORMATS", "IMAGE", "PICTURE", "check_format", "check_map_folder", "map_outputs"]

# File formats: one TIFF per map, or one image with the maps as channels.
FORMATS = ("tiff", "ome-tiff", "ome-zarr")
# Name of the OME-Zarr image in an output folder.
IMAGE = "maps.ome.zarr"
# Name of the picture of an image, without the suffix of its format.
PICTURE = "lifetime"


def map_outputs(folder: Path, /) -> OutputSet:
    """Return the set of map files that are recorded in a folder."""
    records = {"summary.json": ("files", "provenance"), "job.json": ("input", "made_by", "done")}
    return OutputSet(folder, records)


def check_format(file_format: str, /) -> None:
    """Reject an unknown format."""
    if file_format not in FORMATS:
        raise InputError(f"file_format={file_format!r} is unknown; choose one of {', '.join(FORMATS)}")


def check_map_folder(folder: Path, file_format: str, /, *, more: Iterable[str] = ()) -> None:
    """Reject an unknown format, and a folder with files that maps would replace but that are not results.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder.
    file_format : str
        One of :data:`FORMATS`.
    more : iterable of str
        Names of further files that will be written.

    Raises
    ------
    InputError
        If the format is unknown, or there is such a file.
    """
    check_format(file_format)
    images = {"ome-tiff": ["maps.ome.tif"], "ome-zarr": [IMAGE]}
    names = images.get(file_format, [f"{name}.tif" for name in MAP_UNITS])
    map_outputs(folder).check([*names, "summary.json", *more])
