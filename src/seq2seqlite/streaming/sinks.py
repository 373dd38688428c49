"""Where maps go: files, a table, a function."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tifffile
import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.files import check_path, replace_when_done, writing
from seq2seqlite.imaging.summary import spread
from seq2seqlite.maps import LIFETIME_MAPS

__all__ = ["CallbackSink", "FrameMaps", "MapFolder", "MapTable", "Sink"]


@dataclass(frozen=True)
class FrameMaps:
    """The maps of a frame.

    Parameters
    ----------
    frame : int
        Number of the frame.
    arrived_s : float
        When the frame was complete, by the clock of the stream, in s.
    latency_s : float
        How much later its maps were, in s.
    maps : xarray.Dataset
        As :func:`seq2seqlite.imaging.frame_analysis` gives them.
    """

    frame: int
    arrived_s: float
    latency_s: float
    maps: xr.Dataset


class Sink(Protocol):
    """Takes maps, one frame after the other, in a thread of its own."""

    def put(self, result: FrameMaps, /) -> None:
        """Take the maps of a frame.

        Raises
        ------
        InputError
            If it cannot, e.g. as the disk is full: the stream ends, and what was taken before stays valid.
        """
        ...

    def close(self) -> None:
        """Take the end of the stream."""
        ...


@dataclass(frozen=True)
class CallbackSink:
    """Calls a function with each frame's maps.

    Parameters
    ----------
    function : callable
        Called with a :class:`FrameMaps`.
    """

    function: Callable[[FrameMaps], None]

    def put(self, result: FrameMaps, /) -> None:
        self.function(result)

    def close(self) -> None:
        pass


class MapFolder:
    """Writes one float32 TIFF a frame, ``frame-000000.tif``, whose pages are the maps.

    Each is written to another name and renamed, so that whatever is found under its name is whole. The first
    frame removes the frames of an earlier stream.

    Parameters
    ----------
    folder : pathlib.Path
        Made if it is missing.

    Raises
    ------
    InputError
        If the folder holds a file of such a name that no stream wrote.
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
            "latency_s": round(result.latency_s, 4),
            "model": result.maps.attrs["model"],
            "predictor": result.maps.attrs["predictor"],
        }
        info = "".join(f"{name} = {value}\n" for name, value in about.items())
        stack = np.stack([result.maps[name].values for name in names]).astype(np.float32, copy=False)
        with replace_when_done(self.folder / f"frame-{result.frame:06d}.tif") as temporary:
            tifffile.imwrite(
                temporary, stack, imagej=True, metadata={"axes": "CYX", "Labels": labels, "Info": info}
            )

    def close(self) -> None:
        pass


class MapTable:
    """Writes one line a frame to a table: median, 5 % and 95 % of each map.

    Parameters
    ----------
    path : pathlib.Path
        ``.csv``; replaces the table of an earlier stream. Each line is on disk before the next frame is
        taken.

    Raises
    ------
    InputError
        If the file exists and is not such a table, or cannot be written; lines written before stay.
    """

    def __init__(self, path: Path, /) -> None:
        self.path = path
        columns = [f"{name}_{key}" for name in LIFETIME_MAPS for key in ("median", "p5", "p95")]
        header = ["frame", "arrived_s", "latency_s", "pixels_analysed", *columns]
        with writing(path):
            if (
                path.is_file()
                and path.stat().st_size
                and not path.read_bytes().startswith(_line(header).encode())
            ):
                raise InputError(f"{path} was not written by a stream; move it or choose another folder")
        self._write("w", header)

    def put(self, result: FrameMaps, /) -> None:
        spreads = [spread(result.maps[name].values) for name in LIFETIME_MAPS]
        values = ["" if value is None else f"{value:.5g}" for each in spreads for value in each.values()]
        times = [f"{result.arrived_s:.4f}", f"{result.latency_s:.4f}"]
        self._write("a", [str(result.frame), *times, str(result.maps.attrs["pixels_analysed"]), *values])

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
                with self.path.open("r+b") as file:  # no half line stays
                    file.truncate(before)
                raise


def _line(row: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    return line.getvalue()


def _is_frame(path: Path) -> bool:
    """Return whether :class:`MapFolder` wrote a file, by the description in it."""
    try:
        with tifffile.TiffFile(path) as found:
            info = str((found.imagej_metadata or {}).get("Info", ""))
    except Exception:  # noqa: BLE001 - whatever cannot be read was not written by this program
        return False
    return info.startswith("frame = ") and "\nmodel = " in info
