"""Names of the files of lifetime maps, and recognition of files from an earlier run."""

from pathlib import Path

from seq2seqlite.maps import MAP_UNITS
from seq2seqlite.outputs import OutputSet

__all__ = ["IMAGE", "check_map_folder", "map_outputs"]

# Name of the OME-Zarr image in an output folder.
IMAGE = "maps.ome.zarr"


def map_outputs(folder: Path, /) -> OutputSet:
    """Return the set of map files that are recorded in a folder."""
    records = {"summary.json": ("files", "provenance"), "job.json": ("input", "made_by", "done")}
    return OutputSet(folder, records)


def check_map_folder(folder: Path, file_format: str, /) -> None:
    """Reject a folder in which maps would replace files that are not recorded as results.

    Raises
    ------
    InputError
        If there is such a file.
    """
    images = {"ome-tiff": ["maps.ome.tif"], "ome-zarr": [IMAGE]}
    names = images.get(file_format, [f"{name}.tif" for name in MAP_UNITS])
    map_outputs(folder).check([*names, "lifetime.png", "summary.json"])
