"""Stages of a stream: computation of maps from whole frames or from single gates."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import xarray as xr

from seq2seqlite.decay import rising_edge_ns
from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.imaging.frame_analysis import Analysis
from seq2seqlite.imaging.mask import MIN_PHOTONS, select
from seq2seqlite.imaging.no_lifetime import TooDarkError, no_lifetime
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.imaging.range_check import RangeCheck
from seq2seqlite.io.signal import Survey, survey
from seq2seqlite.maps import long_names, map_dataset
from seq2seqlite.protocols import GateSequentialPredictor, Predictor, quantities, tau_range_ns
from seq2seqlite.streaming.sources import Frame, Gate, Spoilt

__all__ = ["FrameStage", "GateStage", "Outcome", "Stage"]


@dataclass(frozen=True)
class Outcome:
    """Result of a stage for one frame or gate.

    Parameters
    ----------
    maps : xarray.Dataset, optional
        Maps, if the item completes a frame.
    rejected : tuple of str
        Reason for each rejected frame.
    remarks : tuple of str
        Warnings.

    See Also
    --------
    Stage : Computation of maps from the items of a source.
    """

    maps: xr.Dataset | None = None
    rejected: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


Delivered_contra = TypeVar("Delivered_contra", contravariant=True)


class Stage(Protocol[Delivered_contra]):
    """Computation of maps from the items of a source.

    See Also
    --------
    FrameStage : Analysis of whole frames, planned with the first valid frame.
    GateStage : Analysis gate by gate, so that the maps are ready soon after the last gate.
    """

    def process(self, item: Delivered_contra, /, *, gap: bool) -> Outcome:
        """Process the next item.

        Parameters
        ----------
        item
            Frame, gate or invalid frame.
        gap : bool
            Whether the queue dropped a frame just before this item.

        Raises
        ------
        InputError
            If the whole stream cannot be analysed. An invalid frame is only rejected.
        """
        ...

    def end(self) -> Outcome:
        """Handle the end of the source."""
        ...


class FrameStage:
    """Analysis of whole frames, planned with the first valid frame.

    Warnings about the range of lifetimes are remarks of the first frame.

    Parameters
    ----------
    predictor : Predictor or callable
        Model or estimator; or a function that returns it for the data of the first frame with enough light.
    options : MapOptions
        Options of the analysis.

    Attributes
    ----------
    predictor : Predictor or None
        Predictor; None before the function has determined it.

    See Also
    --------
    seq2seqlite.imaging.Analysis : Analysis of a frame.
    GateStage : Analysis of frames that arrive gate by gate.
    """

    def __init__(
        self,
        predictor: Predictor | Callable[[xr.DataArray], Predictor],
        options: MapOptions = MapOptions(),  # noqa: B008 - frozen
        /,
    ) -> None:
        self.options, self._given = options, predictor
        self.predictor = predictor if isinstance(predictor, Predictor) else None
        self.analysis: Analysis | None = None

    def process(self, item: Frame | Spoilt, /, *, gap: bool) -> Outcome:
        del gap  # frames are independent of each other
        if isinstance(item, Spoilt):
            return Outcome(rejected=(item.why,))
        analysis, reasons = self.analysis, Counter[int]()
        try:
            found = survey(item.data, block_pixels=self.options.block_pixels)
            found.check(may_be_dark=analysis is not None)
        except InputError as error:
            return Outcome(rejected=(_named(item.frame, error),))
        try:
            if analysis is None:
                analysis = Analysis.plan(item.data, found, self._given, self.options)
        except TooDarkError as error:
            return Outcome(rejected=(_named(item.frame, error),))
        try:
            maps = analysis.maps(item.data, found, reasons=reasons)
        except HaltError:  # e.g. a lost board: all further frames would fail as well
            raise
        except InputError as error:
            return Outcome(rejected=(_named(item.frame, error),))
        if self.analysis is None and not np.isfinite(maps["tau_mean_ns"].values).any():
            unanswered = no_lifetime(found.source, analysis.predictor.name, reasons)
            return Outcome(rejected=(_named(item.frame, unanswered),))
        new = [text for text in maps.attrs["warnings"] if self.analysis is None]
        self.analysis = analysis
        self.predictor = self.predictor or analysis.predictor
        return Outcome(maps, remarks=tuple(f"frame {item.frame}: {text}" for text in new))

    def end(self) -> Outcome:
        return Outcome()


class GateStage:
    """Analysis gate by gate, so that the maps are ready soon after the last gate.

    Parameters
    ----------
    predictor : GateSequentialPredictor
        Predictor that processes single gates. Its time axis must be that of the camera, because re-binning
        would require all gates.
    min_photons : float
        Pixels with fewer counts are below threshold, and NaN in the maps.
    name : str
        Name of the source, for messages and attributes.

    Raises
    ------
    InputError
        If ``min_photons`` is not positive.

    See Also
    --------
    FrameStage : Analysis of whole frames, planned with the first valid frame.
    seq2seqlite.protocols.GateSequentialPredictor :
        Accepts a frame gate by gate and keeps a state for every pixel.
    """

    def __init__(
        self,
        predictor: GateSequentialPredictor,
        /,
        *,
        min_photons: float = MIN_PHOTONS,
        name: str = "gates",
    ) -> None:
        self.predictor, self.name = predictor, name
        self.min_photons = MapOptions(min_photons).min_photons
        self._shape: tuple[int, ...] | None = None
        self._frame: int | None = None
        self._next: int | None = None  # next expected gate; None: the frame is rejected or finished
        self._edge_checked = False

    def process(self, item: Gate | Spoilt, /, *, gap: bool) -> Outcome:
        rejected: list[str] = []
        if item.frame != self._frame:
            if self._next is not None and not gap:
                rejected.append(self._cut_short())
            self._frame, self._next = item.frame, 0
        if self._next is None:
            return Outcome()
        if isinstance(item, Spoilt):
            self._next = None
            return Outcome(rejected=(*rejected, item.why))
        why = self._unfit(item)
        if why:
            self._next = None
            return Outcome(rejected=(*rejected, f"{self.name}: frame {item.frame}: {why}"))
        try:
            self._advance(item)
        except HaltError:
            raise
        except InputError as error:  # counts that the predictor does not support
            self._next = None
            return Outcome(rejected=(*rejected, f"{self.name}: frame {item.frame}: {error}"))
        if self._next < self.predictor.n_gates:
            return Outcome(rejected=tuple(rejected))
        self._next = None
        remarks = self._edge_remark()
        return Outcome(self._maps(), tuple(rejected), remarks)

    def end(self) -> Outcome:
        if self._next is None:
            return Outcome()
        self._next = None
        return Outcome(rejected=(self._cut_short(),))

    def _cut_short(self) -> str:
        return (
            f"{self.name}: frame {self._frame} ended after gate {self._next} of {self.predictor.n_gates}; it "
            f"is skipped"
        )

    def _unfit(self, gate: Gate) -> str:
        """Return why a gate is invalid, or an empty string."""
        counts = gate.counts
        if gate.gate != self._next:
            return f"gate {gate.gate} arrived instead of gate {self._next}; the frame is skipped"
        if counts.dtype.kind not in "ui":
            return f"gate {gate.gate}: counts must be integers, not {counts.dtype}; pass raw counts"
        if counts.dtype.kind == "i" and counts.min(initial=0) < 0:
            return f"gate {gate.gate}: counts must be >= 0, found {counts.min()}; pass raw counts"
        if self._shape is not None and counts.shape != self._shape:
            return (
                f"gate {gate.gate} has shape {counts.shape}, but the first {self._shape}; start a new stream"
            )
        return ""

    def _advance(self, gate: Gate) -> None:
        counts = gate.counts.reshape(-1)
        if gate.gate == 0:
            self._shape = self._shape or gate.counts.shape
            self._photons = np.zeros(counts.size, np.uint32)
            self._saturated = np.zeros(counts.size, np.bool_)
            self._decay = np.zeros(self.predictor.n_gates)
            self.predictor.begin(counts.size)
        self.predictor.advance(counts)
        self._photons += counts.astype(np.uint32, copy=False)
        self._saturated |= counts == np.iinfo(counts.dtype).max
        self._decay[gate.gate] = counts.sum(dtype=np.uint64)
        self._next = gate.gate + 1

    def _maps(self) -> xr.Dataset:
        assert self._shape is not None
        lifetimes = self.predictor.finish()
        saturated = self._saturated.reshape(self._shape)
        photons = self._photons.reshape(self._shape).astype(np.float64)
        found = Survey(self.name, photons, saturated, self._decay)
        selection = select(found, np.ones(self._shape, np.bool_), min_photons=self.min_photons)
        known = quantities(self.predictor)
        images = {
            name: np.where(selection.chosen, getattr(lifetimes, name).reshape(self._shape), np.nan)
            for name in known.names
        }
        images["intensity"] = found.intensity
        attrs = {
            "source": self.name,
            "format": "gates",
            "model": self.predictor.name,
            "predictor": self.predictor.kind,
            "quantities": long_names(images, quantities=known),
            "min_photons": float(self.min_photons),
            **selection.numbers,
        }
        narrow = {name: image.astype(np.float32) for name, image in images.items()}
        return map_dataset(narrow, attrs, quantities=known)

    def _edge_remark(self) -> tuple[str, ...]:
        """Return once, for the first frame with light, what is wrong with its edge and its lifetimes."""
        if self._edge_checked:
            return ()
        axis, expected_ns = self.predictor.axis, self.predictor.rising_edge_ns
        try:
            found_ns = rising_edge_ns(self._decay, bin_width_ns=axis.gate_width_ns)
        except InputError:
            return ()
        self._edge_checked = True
        warnings = tuple(
            RangeCheck(self.predictor.name, tau_range_ns(self.predictor)).of_decay(
                self._decay, axis=axis, edge_ns=found_ns
            )
        )
        late_ns = (found_ns - expected_ns + axis.window_ns / 2) % axis.window_ns - axis.window_ns / 2
        if abs(late_ns) < axis.gate_width_ns:  # by so much it moves with the lifetimes
            return warnings
        remark = (
            f"{self.name}: the rising edge is at {found_ns:.3f} ns, but model {self.predictor.name} requires "
            f"it at {expected_ns:.3f} ns, so that lifetimes are biased; change the delay of the camera by "
            f"{-late_ns:+.3f} ns"
        )
        return (remark, *warnings)


def _named(frame: int, error: InputError) -> str:
    return f"frame {frame}: {error}"
