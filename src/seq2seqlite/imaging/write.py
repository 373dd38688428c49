"""Lifetime maps as files that Fiji, napari and people open."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.files import replace_folder_when_done
from seq2seqlite.imaging.picture import write_picture
from seq2seqlite.imaging.summary import summarise

__all__ = ["write_maps"]


def write_maps(maps: xr.Dataset, folder: str | os.PathLike[str], /) -> dict[str, Any]:
    """Write each map as float32 TIFF, the picture ``lifetime.png`` and ``summary.json``.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`lifetime_map`.
    folder : path-like
        Made if it is missing; all files appear in it together, or none.

    Returns
    -------
    dict
        The summary, with ``files``: the paths written.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    summary = summarise(maps)
    with replace_folder_when_done(folder) as temporary:
        for name in maps.data_vars:
            _write_tiff(temporary / f"{name}.tif", maps[str(name)], maps.attrs.get("pixel_size_um"))
        write_picture(maps, temporary / "lifetime.png")
        written = [*sorted(item.name for item in temporary.iterdir()), "summary.json"]
        summary["files"] = [str(Path(folder) / name) for name in written]
        (temporary / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    return summary


def _write_tiff(path: Path, image: xr.DataArray, pixel_size_um: float | None) -> None:
    values = np.asarray(image.values, np.float32)
    low, high = _display_range(values)
    unit = str(image.attrs["units"])
    metadata: dict[str, Any] = {
        "axes": "YX",
        "min": low,
        "max": high,
        "Labels": [f"{image.name} {unit}".strip()],
    }
    metadata |= {"Info": f"name = {image.name}\nunit = {unit or '1'}\nNaN = not analysed\n"}
    if unit:
        metadata |= {"cf": 0, "c0": 0.0, "c1": 1.0, "vunit": unit}  # ImageJ shows it beside each value
    resolution = None
    if pixel_size_um:
        metadata["unit"] = "um"
        resolution = (1 / pixel_size_um, 1 / pixel_size_um)
    tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata=metadata)


def _display_range(values: NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, [2, 98]))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
