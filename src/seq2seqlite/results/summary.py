"""Summary of lifetime maps: of an image, of a stack, or of a frame of a stream."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.histogram import Spread
from seq2seqlite.maps import SUMMARY_MAPS
from seq2seqlite.provenance import provenance

__all__ = ["Summary"]

# Attributes of maps, in the order of the summary.
ORIGIN = (
    "source",
    "format",
    "shape",
    "sha256",
    "sha256_of_tiles",
    "photons_in_file",
    "photons",
    "corrections",
    "frames",
    "axes",
    "frame_time_s",
    "z_step_um",
    "series",
    "tiles",
)
PIXELS = ("pixels", "pixels_analysed", "pixels_saturated")
SETTINGS = (
    "model",
    "predictor",
    "model_choice",
    "tau_range_ns",
    "shared_lifetimes",
    "quantities",
    "donor_tau_ns",
    "min_photons",
    "binning",
    "quality",
)


@dataclass(frozen=True)
class Summary:
    """Summary of lifetime maps.

    Parameters
    ----------
    attrs : mapping
        Attributes of the maps: input, numbers of pixels, model, settings and warnings.
    values : mapping of str to ndarray or Spread
        Values, or their histogram, of each lifetime map, of ``intensity`` (analysed pixels only) and, with a
        quality check, of ``chi_square``.
    seconds : float, optional
        Time of the analysis, in s.
    predicted : int, optional
        Pixels analysed in this time; default: all analysed pixels.

    See Also
    --------
    Summary.of : Summary of maps in memory.

    Examples
    --------
    >>> Summary({}, {"tau_mean_ns": np.array([1.0, 2.0, np.nan, 3.0])}).percentiles("tau_mean_ns")["median"]
    2.0
    """

    attrs: Mapping[str, Any]
    values: Mapping[str, NDArray[Any] | Spread] = field(repr=False)
    seconds: float = 0.0
    predicted: int | None = None

    @classmethod
    def of(cls, maps: xr.Dataset, /) -> "Summary":
        """Return the summary of maps, as returned by :func:`lifetime_map` or a stage of a stream."""
        values = {name: maps[name].values for name in SUMMARY_MAPS if name in maps}
        values["intensity"] = maps["intensity"].values[np.isfinite(values["tau_mean_ns"])]
        attrs = dict(maps.attrs)
        if "flagged" in maps:
            values["chi_square"] = maps["chi_square"].values
            analysed = np.isfinite(values["tau_mean_ns"])  # hot and dead pixels are flagged, too
            attrs["pixels_flagged"] = int(np.nansum(maps["flagged"].values[analysed]))
        return cls(attrs, values, attrs.get("seconds", 0.0))

    def percentiles(self, name: str, /) -> dict[str, float | None]:
        """Return ``median``, ``p5`` and ``p95`` of the finite values of a map, None without such values."""
        values = self.values[name]
        if isinstance(values, Spread):
            low, middle, high = (values.percentile(percent) for percent in (5, 50, 95))
            return {"median": middle, "p5": low, "p95": high}
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return {"median": None, "p5": None, "p95": None}
        low, middle, high = np.percentile(finite.astype(np.float64), [5, 50, 95])
        return {"median": float(middle), "p5": float(low), "p95": float(high)}

    def to_dict(self) -> dict[str, Any]:
        """Return the summary in a form that can be written as JSON.

        Returns
        -------
        dict
            Input (``source``, ``format``, digest, ``photons_in_file``, ``photons``, and ``corrections`` of a
            camera with digests of their files; of a stack also
            ``shape``, ``frames`` and ``tiles``; of a series ``frames``, ``axes`` with their steps, and
            ``series`` with photons and median lifetime of each frame), numbers of pixels, for each map
            :meth:`percentiles`, ``model``, ``predictor``, ``model_choice`` (the reason for a default
            model), range of lifetimes (``tau_range_ns``), ``shared_lifetimes``, meanings of the maps
            (``quantities``), thresholds, ``rebinning``, ``seconds``, ``pixels_per_second``, ``warnings`` and
            provenance; with a quality check ``pixels_flagged``, ``chi_square`` and ``quality``.
        """
        attrs = self.attrs
        result = {name: attrs[name] for name in (*ORIGIN, *PIXELS, "pixels_flagged") if name in attrs}
        result |= {name: self.percentiles(name) for name in self.values}
        result |= {name: attrs[name] for name in SETTINGS if name in attrs}
        result |= {name: attrs[name] for name in ("decay", "phasor") if name in attrs}
        result["pixel_size_um"] = attrs.get("pixel_size_um")
        result["rebinning"] = attrs["rebinning"].json_fields
        predicted = attrs["pixels_analysed"] if self.predicted is None else self.predicted
        result["seconds"] = round(self.seconds, 3)
        result["pixels_per_second"] = round(predicted / max(self.seconds, 1e-9), 1)
        result["warnings"] = list(attrs.get("warnings", ()))
        result["provenance"] = provenance()
        return result
