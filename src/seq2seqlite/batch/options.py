"""Options of a batch of measurements."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.figures import PhasorOptions, PictureOptions
from seq2seqlite.files import sha256_of
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.io.read_options import ReadOptions

__all__ = ["JobOptions"]


@dataclass(frozen=True, kw_only=True)
class JobOptions(MapOptions):
    """Options of reading, analysis and writing in one object, which is cheap to pickle.

    Parameters
    ----------
    min_photons, binning, extrapolate, block_pixels, also, donor_tau_ns
        As for :class:`~seq2seqlite.imaging.MapOptions`.
    mask : pathlib.Path, optional
        Mask file.
    quality : Quality, optional
        Settings of the quality maps, without an IRF: the measured IRF is that of the predictor source.
    read : ReadOptions
        Options of the reader.
    picture : PictureOptions
        Colours of the picture, and format and resolution of all figures. Colours do not affect the maps: a
        picture with other colours is drawn again without a new analysis.
    decay_figure : bool
        Fit the summed decay, and write its figure, ``decay.png``.
    phasor : PhasorOptions, optional
        Options of the phasor plot and its maps; None: they are not made.
    table : bool
        Write statistics of the maps by region, ``regions.csv``.
    regions : str, optional
        File of the regions, as for :func:`~seq2seqlite.regions.regions_file`; None: one region, ``all``.
    columns : tuple of (str, str)
        Further columns of the table and their values, e.g. the channel.
    file_format : str, optional
        One of :data:`~seq2seqlite.results.map_outputs.FORMATS`; None: TIFF for images, OME-Zarr for stacks.

    See Also
    --------
    seq2seqlite.imaging.MapOptions : Options of the maps themselves.
    map_files : Map several measurements, each into its own folder.
    """

    mask: Path | None = None
    read: ReadOptions = ReadOptions()  # noqa: RUF009 - frozen
    file_format: str | None = None
    picture: PictureOptions = PictureOptions()  # noqa: RUF009 - frozen
    decay_figure: bool = False
    phasor: PhasorOptions | None = None
    table: bool = False
    regions: str | None = None
    columns: tuple[tuple[str, str], ...] = ()

    def described(self) -> dict[str, Any]:
        """Return all options that affect the maps and tables, with the digest of the mask, ready for JSON."""
        return {
            "read": asdict(self.read) | {"corrections": self.read.corrections.described()},
            "min_photons": self.min_photons,
            "binning": self.binning,
            "mask": None if self.mask is None or not self.mask.is_file() else sha256_of(self.mask),
            "extrapolate": self.extrapolate,
            "quality": self.quality is not None,
            "pulses": None if self.quality is None else self.quality.pulses,
            "file_format": self.file_format,
            "decay_figure": self.decay_figure,
            "figures": [self.picture.file_format, self.picture.dpi],
            "phasor": _described(self.phasor),
            "table": self.table,
            "columns": dict(self.columns),
            "regions": None if self.regions is None else Path(self.regions).name,
            "also": list(self.also),
            "donor_tau_ns": self.donor_tau_ns,
        }


def _described(phasor: PhasorOptions | None) -> dict[str, Any] | None:
    """Return the options of the phasor plot with the state of the reference."""
    if phasor is None:
        return None
    reference = None
    if phasor.reference is not None and phasor.reference.is_file():
        reference = sha256_of(phasor.reference)
    return asdict(phasor) | {"reference": reference or phasor.reference}
