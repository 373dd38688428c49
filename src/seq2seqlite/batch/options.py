"""Options of a batch of measurements."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seqlite.imaging.mask import MIN_PHOTONS
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.signal import sha256_of
from seq2seqlite.protocols import PredictorSource

__all__ = ["JobOptions"]


@dataclass(frozen=True)
class JobOptions:
    """Options of :func:`read`, :func:`lifetime_map` and :func:`write_maps` in a form that is cheap to pickle.

    Parameters
    ----------
    read : ReadOptions
        Options of the reader.
    min_photons, binning, extrapolate
        As for :func:`lifetime_map`.
    mask : pathlib.Path, optional
        Mask file.
    quality : bool
        Also compute the quality maps.
    pulses : float, optional
        Excitation pulses in the exposure of a pixel, for the quality maps.
    file_format : str, optional
        One of :data:`~seq2seqlite.imaging.map_writer.FORMATS`; None: TIFF for images, OME-Zarr for stacks.

    See Also
    --------
    seq2seqlite.io.ReadOptions : Options of the readers; see the parameters of ``read``.
    map_files : Map several measurements, each into its own folder; a failure does not stop the others.
    """

    read: ReadOptions = ReadOptions()  # noqa: RUF009 - frozen
    min_photons: float = MIN_PHOTONS
    binning: int = 0
    mask: Path | None = None
    extrapolate: bool = False
    quality: bool = False
    pulses: float | None = None
    file_format: str | None = None

    def check_with(self, source: PredictorSource, /) -> Quality | None:
        """Return the settings of the quality maps; None without quality maps."""
        return Quality(source.irf(), self.pulses) if self.quality else None

    def described(self) -> dict[str, Any]:
        """Return all options, with the digest of the mask, in a form that can be written as JSON."""
        mask = None if self.mask is None or not self.mask.is_file() else sha256_of(self.mask)
        return asdict(self) | {"mask": mask}
