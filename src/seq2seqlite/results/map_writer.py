"""Writing of lifetime maps as TIFF, OME-TIFF or OME-Zarr, with a figure and a summary."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.figures.picture import PictureOptions, lifetime_picture, picture_record
from seq2seqlite.figures.write import write_figure
from seq2seqlite.files import check_path, replace_folder_when_done
from seq2seqlite.json_text import json_text
from seq2seqlite.outputs import describe_outputs
from seq2seqlite.results.map_outputs import IMAGE, PICTURE, check_map_folder, map_outputs
from seq2seqlite.results.ome import create_ome_zarr, describe_channels, open_maps, write_ome_tiff
from seq2seqlite.results.summary import Summary

__all__ = ["DISPLAYED", "opened", "write_maps"]

# Percentiles of the initial display range in viewers.
DISPLAYED = (2, 98)
# Rows of an OME-Zarr chunk of an image that fits into memory.
CHUNK_ROWS = 512


def write_maps(
    maps: xr.Dataset,
    folder: str | os.PathLike[str],
    /,
    *,
    file_format: str = "tiff",
    picture: PictureOptions = PictureOptions(),  # noqa: B008 - frozen
    more: Mapping[str, Callable[[Path], object]] | None = None,
) -> dict[str, Any]:
    """Write float32 maps, the figure ``lifetime.png`` and ``summary.json`` to a folder.

    Parameters
    ----------
    maps : xarray.Dataset
        Result of :func:`lifetime_map` or :func:`map_series`. The frames of a series are pages of a TIFF, axes
        T and Z of OME files, and side by side in ``lifetime.png``.
    folder : path-like
        Output folder, created if necessary. Either all files are written or none. Files recorded in the
        ``summary.json`` of an earlier call are overwritten or removed.
    file_format : {'tiff', 'ome-tiff', 'ome-zarr'}
        ``'tiff'`` writes one TIFF per map, with units for ImageJ; the others write all maps as the channels
        of ``maps.ome.tif`` or ``maps.ome.zarr`` (OME-NGFF 0.5).
    picture : PictureOptions
        Colours, format and resolution of ``lifetime.png``.
    more : mapping of str to callable, optional
        Further files by name, each with a function that writes it to a path.

    Returns
    -------
    dict
        Summary, with the paths of the written files (``files``) and their sizes and digests (``outputs``).

    Raises
    ------
    InputError
        If the format is unknown, the folder contains a file of the same name that is not recorded as a
        result, or the folder cannot be written.

    See Also
    --------
    seq2seqlite.lifetime_map : Compute the lifetime maps of a measurement.
    seq2seqlite.results.Summary : Medians and percentiles of the maps.
    """
    check_path(folder)
    more = {} if more is None else more
    shown = f"{PICTURE}{picture.suffix}"
    check_map_folder(Path(folder), file_format, more=[shown, *more])
    summary = Summary.of(maps).to_dict() | {"picture": picture_record(maps, picture)}
    prepare = map_outputs(Path(folder)).prepare
    with replace_folder_when_done(folder, prepare=prepare, first="summary.json") as temporary:
        _write_images(maps, temporary, file_format)
        write_figure(lifetime_picture(maps, options=picture), temporary / shown, picture)
        for name, write in more.items():
            write(temporary / name)
        written = sorted(item.name for item in temporary.iterdir())
        summary["files"] = [str(Path(folder) / name) for name in (*written, "summary.json")]
        summary["outputs"] = describe_outputs(temporary, written)
        (temporary / "summary.json").write_text(json_text(summary), "utf-8")
    return summary


def _write_images(maps: xr.Dataset, folder: Path, file_format: str) -> None:
    steps = {name: maps.attrs.get(name) for name in ("pixel_size_um", "z_step_um", "frame_time_s")}
    axes: dict[str, int] = maps.attrs.get("axes", {})
    images = {str(name): np.asarray(maps[name].values, np.float32) for name in maps.data_vars}
    if file_format == "ome-tiff":
        write_ome_tiff(folder / "maps.ome.tif", images, axes="".join(axes), steps=steps)
    elif file_format == "ome-zarr":
        path, shape = folder / IMAGE, (maps.sizes["Y"], maps.sizes["X"])
        create_ome_zarr(
            path,
            list(images),
            frames=axes,
            shape=shape,
            rows=CHUNK_ROWS,
            steps=steps,
        )
        open_maps(path)[:] = np.stack(list(images.values()), axis=1 if "t" in axes else 0)
        describe_channels(path, {name: _ranges(image) for name, image in images.items()})
    else:
        for name in images:
            _write_tiff(folder / f"{name}.tif", maps[name], steps)


def _ranges(image: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Return the minimum, the display range and the maximum."""
    low, high = _display_range(image)
    finite = image[np.isfinite(image)]
    return float(finite.min(initial=low)), low, high, float(finite.max(initial=high))


def _write_tiff(path: Path, image: xr.DataArray, steps: Mapping[str, float | None]) -> None:
    values = np.asarray(image.values, np.float32)
    low, high = _display_range(values)
    unit = str(image.attrs["units"])
    metadata: dict[str, Any] = {
        "axes": "".join(str(dim) for dim in image.dims),
        "min": low,
        "max": high,
        "Labels": [f"{image.name} {unit}".strip()] * math.prod(values.shape[:-2]),
    }
    meaning = image.attrs["long_name"]
    metadata |= {
        "Info": f"name = {image.name}\nmeaning = {meaning}\nunit = {unit or '1'}\nNaN = not analysed\n"
    }
    if unit:
        metadata |= {"cf": 0, "c0": 0.0, "c1": 1.0, "vunit": unit}  # displayed by ImageJ beside each value
    resolution = None
    pixel_size_um, z_step_um, frame_time_s = (
        steps[name] for name in ("pixel_size_um", "z_step_um", "frame_time_s")
    )
    if frame_time_s and "T" in image.dims:
        metadata |= {"finterval": frame_time_s, "tunit": "s"}
    if z_step_um and "Z" in image.dims:
        metadata |= {"spacing": z_step_um, "unit": "um"}
    if pixel_size_um:
        metadata["unit"] = "um"
        resolution = (1 / pixel_size_um, 1 / pixel_size_um)
    tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata=metadata)


def _display_range(values: NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, DISPLAYED))
    return opened(low, high)


def opened(low: float, high: float, /) -> tuple[float, float]:
    """Return the range, widened around its centre if it is empty."""
    return (low, high) if high > low else (low - 0.5, low + 0.5)
