"""New pictures of maps that were written earlier, e.g. with the colour range of a batch."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.figures.picture import PictureOptions, lifetime_picture, picture_record
from seq2seqlite.figures.write import write_figure
from seq2seqlite.files import replace_when_done, writing
from seq2seqlite.json_text import json_text
from seq2seqlite.maps import MAP_UNITS
from seq2seqlite.outputs import describe_output
from seq2seqlite.results.map_outputs import IMAGE, PICTURE
from seq2seqlite.results.ome import open_maps

__all__ = ["redraw_picture"]


def redraw_picture(folder: Path, summary: dict[str, Any], options: PictureOptions, /) -> dict[str, Any]:
    """Draw ``lifetime.png`` again from the maps in a folder, and update ``summary.json``.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of :func:`write_maps`.
    summary : dict
        Its summary.
    options : PictureOptions
        Colours and their range.

    Returns
    -------
    dict
        Summary with the new picture.

    Raises
    ------
    InputError
        If the maps cannot be read, or the picture cannot be written.
    """
    with writing(folder):
        maps = _maps(folder, summary)
    name = f"{PICTURE}{options.suffix}"
    with replace_when_done(folder / name) as temporary:
        write_figure(lifetime_picture(maps, options=options), temporary, options)
    outputs = summary["outputs"] | {name: describe_output(folder / name)}
    changed = summary | {"picture": picture_record(maps, options), "outputs": outputs}
    with replace_when_done(folder / "summary.json") as temporary:
        temporary.write_text(json_text(changed), encoding="utf-8")
    return changed


def _maps(folder: Path, summary: dict[str, Any]) -> xr.Dataset:
    """Return the maps of the picture."""
    meanings: dict[str, str] = summary["quantities"]
    axes: dict[str, int] = summary.get("axes", {})
    variables = {
        name: (
            (*axes, "Y", "X"),
            _image(folder, name, list(meanings).index(name), axes=axes),
            {"units": MAP_UNITS[name], "long_name": meanings[name]},
        )
        for name in ("tau_mean_ns", "intensity", "flagged")
        if name in meanings
    }
    attrs = {name: summary.get(name) for name in ("source", "pixel_size_um", "model", "predictor")}
    return xr.Dataset(variables, attrs=attrs)


def _image(folder: Path, name: str, channel: int, *, axes: dict[str, int]) -> NDArray[np.float32]:
    """Return a map from its file, or by its channel; axes of length 1 are restored."""
    if (folder / IMAGE).is_dir():
        image = np.take(np.asarray(open_maps(folder / IMAGE)), channel, axis=1 if "t" in axes else 0)
    elif (folder / "maps.ome.tif").is_file():
        image = tifffile.imread(folder / "maps.ome.tif")[channel]
    else:
        image = tifffile.imread(folder / f"{name}.tif")
    return np.asarray(image, np.float32).reshape(*axes.values(), *image.shape[-2:])
