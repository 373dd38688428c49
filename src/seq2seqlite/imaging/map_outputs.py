"""The set of files that maps are written to, and how an earlier set is recognised."""

from pathlib import Path

from seq2seqlite.maps import MAP_UNITS
from seq2seqlite.outputs import OutputSet

__all__ = ["IMAGE", "check_map_folder", "map_outputs"]

# The OME-Zarr image of a folder.
IMAGE = "maps.ome.zarr"


def map_outputs(folder: Path, /) -> OutputSet:
    """Return the recorded set of map files of a folder."""
    records = {"summary.json": ("files", "provenance"), "job.json": ("input", "made_by", "done")}
    return OutputSet(folder, records)


def check_map_folder(folder: Path, file_format: str, /) -> None:
    """Refuse a folder in which maps would replace files that are not recorded as results.

    Raises
    ------
    InputError
        If there is such a file.
    """
    images = {"ome-tiff": ["maps.ome.tif"], "ome-zarr": [IMAGE]}
    names = images.get(file_format, [f"{name}.tif" for name in MAP_UNITS])
    map_outputs(folder).check([*names, "lifetime.png", "summary.json"])
