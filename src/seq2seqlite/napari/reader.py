"""Reader of measurements, which napari calls when a file is opened."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from seq2seqlite.errors import InputError
from seq2seqlite.io.arrays import zarr_fields
from seq2seqlite.io.expand import expanded
from seq2seqlite.io.measurement import SUFFIXES, read_measurement
from seq2seqlite.io.read_options import EACH, ReadOptions
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.io.series import each_channel, open_series
from seq2seqlite.napari.layers import LayerData, OpenedMeasurement, measurement_layers

__all__ = ["get_reader", "open_measurement"]

TIFF = (".tif", ".tiff")
# Formats whose frames along time and depth, and whose channels, are opened without a choice. The data blocks
# of an SDT file are channels.
FRAMES, CHANNELS = (".ptu", *TIFF), (".ptu", ".sdt", *TIFF)
# Text files contain one decay, not an image.
IMAGES = tuple(suffix for suffix in SUFFIXES if suffix not in (".txt", ".csv", ".dat"))
FOLDERS = (*IMAGES, ".png")


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader of a measurement, or None if the path is not one.

    Parameters
    ----------
    path : str or sequence of str
        File, zarr store, or folder of measurements or of gate images. A list, which napari passes to open
        files as one stack, is not read.

    Returns
    -------
    callable or None
        Takes the path and returns the layers of :func:`measurement_layers`, one for each channel. It raises
        :class:`~seq2seqlite.errors.InputError`, which napari shows as a notification.

    See Also
    --------
    open_measurement : The same with options, for files without bin width or laser period.
    seq2seqlite.read : Read a measurement without napari.
    """
    if not isinstance(path, str):
        return None
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".zarr":
        recognised = _zarr_has_decays(file)
    elif file.is_dir():
        recognised = any(item.suffix.lower() in FOLDERS for item in file.iterdir())
    else:
        recognised = suffix in IMAGES and (suffix not in TIFF or _tiff_has_decays(file))
    return open_measurement if recognised else None


def open_measurement(
    path: str | Path,
    *,
    channel: int = -1,
    block: int = -1,
    gate_width_ns: float = 0.0,
    period_ns: float = 0.0,
    gate_length_ns: float = 0.0,
) -> "list[napari.types.LayerDataTuple]":  # type: ignore[name-defined] # noqa: F821 - resolved by magicgui
    """Return the layers of a measurement, read with options.

    Parameters
    ----------
    path : path-like
        File, zarr store, or folder of measurements or of gate images.
    channel, block : int
        Channel, and data set of an SDT or LIF file; -1: all channels with photons.
    gate_width_ns, period_ns, gate_length_ns : float
        As for :func:`seq2seqlite.read`; 0: as in the file.

    Returns
    -------
    list of (ndarray, dict, str)
        Layers of :func:`measurement_layers`, one for each channel of each measurement.

    Raises
    ------
    InputError
        As for :func:`seq2seqlite.read`.

    See Also
    --------
    get_reader : Reader without options.
    """
    read = ReadOptions(
        None if channel < 0 else channel,
        None if block < 0 else block,
        gate_width_ns or None,
        period_ns or None,
        gate_length_ns=gate_length_ns or None,
    )
    return [
        layer
        for file in expanded([path])
        for one in _each_channel(file, read)
        for layer in measurement_layers(_opened(file, one))
    ]


def _each_channel(file: Path, read: ReadOptions) -> list[ReadOptions]:
    """Return the options that read each channel; those given if there is one."""
    chosen = read.channel is not None or read.block is not None
    if chosen or not file.is_file() or file.suffix.lower() not in CHANNELS:
        return [read]
    found = [options for _, options in each_channel(file, read)]
    return found if len(found) > 1 else [read]


def _opened(file: Path, read: ReadOptions) -> OpenedMeasurement:
    """Return the frames of a file, or the measurement if there is one frame."""
    if not file.is_file() or file.suffix.lower() not in FRAMES:
        return OpenedMeasurement(file, read, read_measurement(file, read))
    try:
        series = open_series(file, replace(read, frames=EACH))
    except InputError as error:
        # Points of a PTU file, and images of ImSpector, have no frames; all other files have an error.
        try:
            return OpenedMeasurement(file, read, read_measurement(file, read))
        except InputError:
            raise error from None
    return OpenedMeasurement(file, read, series if series.n_frames > 1 else series.summed)


def _tiff_has_decays(file: Path) -> bool:
    import tifffile

    try:
        with reading(file, "TIFF"), tifffile.TiffFile(file) as tif:
            imspector = tif.pages.first.tags.valueof(271, "") == "ImSpector"
            return imspector or "H" in tif.series[0].axes
    except InputError:
        return False


def _zarr_has_decays(file: Path) -> bool:
    try:
        array, fields = zarr_fields(file)
    except InputError:
        return False
    return array is not None and "gate_width_ns" in fields
