"""Sinks of a stream: image files, a table, or a function."""

import csv
import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.files import check_path, replace_when_done, writing
from seq2seqlite.maps import LIFETIME_MAPS
from seq2seqlite.results.summary import Summary

__all__ = ["CallbackSink", "FrameMaps", "MapFolder", "MapTable", "Sink"]


@dataclass(frozen=True)
class FrameMaps:
    """Lifetime maps of one frame.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        Time at which the frame was complete, on the clock of the stream, in s.
    latency_s : float
        Time from then until the maps were complete, in s.
    maps : xarray.Dataset
        Maps, as returned by :func:`seq2seqlite.imaging.lifetime_map`.
    name : str
        Name of the file of the frame; empty if it has no file of its own.

    See Also
    --------
    Sink : Receiver of maps, called frame by frame in a separate thread.
    """

    frame: int
    arrived_s: float
    latency_s: float
    maps: xr.Dataset
    name: str = ""


class Sink(Protocol):
    """Receiver of maps, called frame by frame in a separate thread.

    See Also
    --------
    CallbackSink : Sink that calls a function with the maps of each frame.
    MapFolder : Sink that writes one float32 TIFF per frame, ``frame-000000.tif``, with the maps as pages.
    MapTable : Sink that writes one row per frame to a table: median, 5th and 95th percentile of each map.
    """

    def put(self, result: FrameMaps, /) -> None:
        """Process the maps of a frame.

        Raises
        ------
        InputError
            If this fails, e.g. because the disk is full. The stream ends, and earlier results remain valid.
        """
        ...

    def close(self) -> None:
        """Release resources at the end of the stream."""
        ...


@dataclass(frozen=True)
class CallbackSink:
    """Sink that calls a function with the maps of each frame.

    Parameters
    ----------
    function : callable
        Function of a :class:`FrameMaps`.

    See Also
    --------
    MapFolder : Sink that writes one float32 TIFF per frame, ``frame-000000.tif``, with the maps as pages.
    MapTable : Sink that writes one row per frame to a table: median, 5th and 95th percentile of each map.
    """

    function: Callable[[FrameMaps], None]

    def put(self, result: FrameMaps, /) -> None:
        self.function(result)

    def close(self) -> None:
        pass


class MapFolder:
    """Sink that writes one float32 TIFF per frame, ``frame-000000.tif``, with the maps as pages.

    The name of a frame with a file of its own follows the number: ``frame-000000-cell7.tif``. Each file is
    written to a temporary name and renamed, so that existing files are always complete. The frames of an
    earlier stream are removed before the first frame is written.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder, created if necessary.

    Raises
    ------
    InputError
        If the folder contains a file of such a name that was not written by a stream.

    See Also
    --------
    MapTable : Sink that writes one row per frame to a table: median, 5th and 95th percentile of each map.
    seq2seqlite.results.write_maps :
        Write float32 maps, the figure ``lifetime.png`` and ``summary.json`` to a folder.
    """

    def __init__(self, folder: Path, /) -> None:
        check_path(folder)
        self.folder = Path(folder)
        self._earlier = sorted(self.folder.glob("frame-[0-9]*.tif"))
        for path in self._earlier:
            if not _is_frame(path):
                raise InputError(f"{path} was not written by a stream; move it or choose another folder")

    def put(self, result: FrameMaps, /) -> None:
        with writing(self.folder):
            while self._earlier:
                self._earlier.pop().unlink(missing_ok=True)
        names = [str(name) for name in result.maps.data_vars]
        labels = [f"{name} {result.maps[name].attrs['units']}".strip() for name in names]
        about = {
            "frame": result.frame,
            **({"file": result.name} if result.name else {}),
            "latency_s": round(result.latency_s, 4),
            "model": result.maps.attrs["model"],
            "predictor": result.maps.attrs["predictor"],
        }
        info = "".join(f"{name} = {value}\n" for name, value in about.items())
        stack = np.stack([result.maps[name].values for name in names]).astype(np.float32, copy=False)
        suffix = f"-{Path(result.name).stem}" if result.name else ""
        with replace_when_done(self.folder / f"frame-{result.frame:06d}{suffix}.tif") as temporary:
            tifffile.imwrite(
                temporary, stack, imagej=True, metadata={"axes": "CYX", "Labels": labels, "Info": info}
            )

    def close(self) -> None:
        pass


class MapTable:
    """Sink that writes one row per frame to a table: median, 5th and 95th percentile of each map.

    Parameters
    ----------
    path : pathlib.Path
        CSV file, whose last column is the name of the file of a frame. The first frame overwrites the table
        of an earlier stream. Each row is written to disk before the next frame is processed.

    Raises
    ------
    InputError
        If the file exists and is not such a table, or cannot be written. Rows written earlier are kept.

    See Also
    --------
    MapFolder : Sink that writes one float32 TIFF per frame, ``frame-000000.tif``, with the maps as pages.
    """

    def __init__(self, path: Path, /) -> None:
        self.path = path
        columns = [f"{name}_{key}" for name in LIFETIME_MAPS for key in ("median", "p5", "p95")]
        self._header = ["frame", "arrived_s", "latency_s", "pixels_analysed", *columns, "file"]
        self._begun = False
        with writing(path):
            if path.parent.exists() and not path.parent.is_dir():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            if (
                path.is_file()
                and path.stat().st_size
                and not path.read_bytes().startswith(_line(self._header).encode())
            ):
                raise InputError(f"{path} was not written by a stream; move it or choose another folder")

    def put(self, result: FrameMaps, /) -> None:
        if not self._begun:
            self._write("w", self._header)
            self._begun = True
        summary = Summary.of(result.maps)
        missing = {"median": None, "p5": None, "p95": None}
        spreads = [summary.percentiles(name) if name in summary.values else missing for name in LIFETIME_MAPS]
        values = ["" if value is None else f"{value:.5g}" for each in spreads for value in each.values()]
        times = [f"{result.arrived_s:.4f}", f"{result.latency_s:.4f}"]
        pixels = str(summary.attrs["pixels_analysed"])
        self._write("a", [str(result.frame), *times, pixels, *values, result.name])

    def close(self) -> None:
        pass

    def _write(self, mode: str, row: list[str]) -> None:
        line = _line(row)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = self.path.stat().st_size if mode == "a" else 0
            try:
                with self.path.open(mode, encoding="utf-8") as file:
                    file.write(line)
            except OSError:
                with self.path.open("r+b") as file:  # remove an incomplete row
                    file.truncate(before)
                raise


def _line(row: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


def _is_frame(path: Path) -> bool:
    """Return whether a file was written by :class:`MapFolder`, according to its metadata."""
    try:
        with tifffile.TiffFile(path) as found:
            info = str((found.imagej_metadata or {}).get("Info", ""))
    except Exception:  # noqa: BLE001 - an unreadable file was not written by MapFolder
        return False
    return info.startswith("frame = ") and "\nmodel = " in info
