"""Camera at a board as the source of a stream: the board computes the lifetimes."""

import math
import threading
from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.camera import saturation_table
from seq2seqlite.hardware.host import BoardPredictor, DirectBoardPredictor
from seq2seqlite.hardware.host.camera import BoardFrame, CameraSettings
from seq2seqlite.hardware.wire.results import Flag
from seq2seqlite.imaging.mask import read_mask
from seq2seqlite.integer import DirectResult, lifetimes_from_codes
from seq2seqlite.integer.predictor import direct_lifetimes_from_codes
from seq2seqlite.maps import long_names, map_dataset
from seq2seqlite.predictors.boards import board_and_options
from seq2seqlite.protocols import quantities
from seq2seqlite.streaming.ready_maps import ReadyMaps
from seq2seqlite.streaming.sources import Clock

__all__ = ["BoardCamera"]

SETTINGS = {"frames_per_gate", "dark_level", "saturation", "waits"}
FLAGS = {"0": False, "1": True}


class BoardCamera:
    """Source of the maps that a board computes of the frames of its camera.

    Parameters
    ----------
    name : str
        ``board:udp://host:port``, as for :func:`~seq2seqlite.predictors.boards.load_board`, with the further
        options ``frames_per_gate``, ``dark_level``, ``saturation=1`` (correct the saturation of one-bit
        frames) and ``waits=1`` (the camera waits for the board, instead of frames being dropped).
    shape : tuple of int, optional
        Rows and columns of an image; by default a square.
    min_photons : float
        Pixels with fewer counts are NaN.
    mask : path-like or array_like, shape (Y, X), optional
        Image file or array, nonzero where pixels are analysed; by default all.

    Raises
    ------
    InputError
        If the name or an option is invalid, or the image does not have the pixels of the board.
    BoardError
        If no board answers, or it has no front end.

    Attributes
    ----------
    name : str
        Address of the board.
    predictor : BoardPredictor or DirectBoardPredictor
        Program of the board.
    shape : tuple of int
        Rows and columns.

    See Also
    --------
    seq2seqlite.stream : Lifetime maps during a measurement.
    """

    def __init__(
        self,
        name: str,
        /,
        *,
        shape: tuple[int, int] | None = None,
        min_photons: float = 0,
        mask: str | PathLike[str] | ArrayLike | None = None,
    ) -> None:
        self.predictor: BoardPredictor | DirectBoardPredictor
        self.predictor, given = board_and_options(name, SETTINGS)
        self.name, self.min_photons = self.predictor.board.address, min_photons
        pixels = self.predictor.board.frame_pixels
        side = math.isqrt(pixels)
        if shape is None and side * side == pixels:
            shape = side, side
        if shape is None or shape[0] * shape[1] != pixels:
            asked = "an image that is not a square" if shape is None else f"shape {shape[0]}x{shape[1]}"
            raise InputError(
                f"the camera of board {self.name} has {pixels} pixels, not {asked}; pass its rows and columns"
            )
        self.shape = shape
        self._settings = self._camera_settings(given, ~read_mask(mask, shape=shape).reshape(-1))
        self._clock, self._stop = Clock(), threading.Event()

    def __iter__(self) -> Iterator[ReadyMaps]:
        """Yield maps as frames arrive, until :meth:`stop`."""
        direct = self.predictor if isinstance(self.predictor, DirectBoardPredictor) else None
        frames = self.predictor.board.frames(
            self.predictor.program,
            settings=self._settings,
            bank=None if direct is None else direct.bank,
            min_photons=math.ceil(self.min_photons),
            stop=self._stop,
        )
        for frame in frames:
            yield ReadyMaps(frame.number, self._clock.now(), self.maps(frame), int(frame.missing.sum()))

    def stop(self) -> None:
        """End the iteration soon, even while no frame arrives."""
        self._stop.set()

    def maps(self, frame: BoardFrame, /) -> xr.Dataset:
        """Return the maps of a frame; NaN where pixels are below threshold, masked or missing."""
        records = frame.records
        lifetimes: Any
        if isinstance(self.predictor, DirectBoardPredictor):
            assert records.log_errors is not None
            result = DirectResult(
                records.reduced, records.log_errors, records.photons, ~records.has(Flag.VALID)
            )
            lifetimes = direct_lifetimes_from_codes(self.predictor.program, result)
        else:
            lifetimes = lifetimes_from_codes(self.predictor.program, records.reduced)
        known = quantities(self.predictor)
        names = (*known.names, *getattr(self.predictor, "error_maps", ()))
        images = {each: np.asarray(getattr(lifetimes, each), np.float32) for each in names}
        images["intensity"] = np.where(frame.missing, np.nan, records.photons).astype(np.float32)
        images = {each: image.reshape(self.shape) for each, image in images.items()}
        valid = records.has(Flag.VALID)
        attrs = {
            "source": self.name,
            "format": "camera at a board",
            "model": self.predictor.name,
            "predictor": self.predictor.kind,
            "quantities": long_names(images, quantities=known),
            "min_photons": float(self.min_photons),
            "pixels": int(valid.size),
            "pixels_analysed": int(valid.sum()),
            "pixels_missing": int(frame.missing.sum()),
        }
        return map_dataset(images, attrs, quantities=known)

    def _camera_settings(self, given: dict[str, str], mask: NDArray[np.bool_]) -> CameraSettings:
        """Return the settings of the front end from the options of the name."""
        numbers = {"frames_per_gate": 255, "dark_level": 0}
        for name in numbers.keys() & given.keys():
            if not given[name].isdecimal():
                raise InputError(f"{name}={given[name]} of board {self.name} must be a whole number")
            numbers[name] = int(given[name])
        switches = dict.fromkeys(("saturation", "waits"), False)
        for name in switches.keys() & given.keys():
            if given[name] not in FLAGS:
                raise InputError(f"{name}={given[name]} of board {self.name} must be 0 or 1")
            switches[name] = FLAGS[given[name]]
        table = saturation_table(numbers["frames_per_gate"]) if switches["saturation"] else None
        return CameraSettings(**numbers, table=table, mask=mask, waits=switches["waits"])
