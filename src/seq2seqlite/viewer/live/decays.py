"""Decays of the pixels and regions of a stream's frames, without calling its predictor."""

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.figures import DecayRecord
from seq2seqlite.maps import STD_OF
from seq2seqlite.regions.outlines import inside_rings
from seq2seqlite.responses import PlacedIrf, decay_curve, fit_lifetimes
from seq2seqlite.results.summed_decay import summed_decay
from seq2seqlite.streaming.observed import ObservedFrame
from seq2seqlite.viewer.images import SelectedDecay
from seq2seqlite.viewer.state import ViewState

__all__ = ["LiveDecays"]

# Frames from whose summed decays the response is determined, until one succeeds.
ATTEMPTS = 3
COMPONENTS = 2


class LiveDecays:
    """Decays of selected pixels and regions, with one response for all frames of a stream.

    The predictor belongs to the thread of the analysis, and may be a board. The lifetimes of a pixel are
    therefore those of its maps, and those of a region are the medians of its pixels.

    See Also
    --------
    LiveFeed : Source of the frames.
    SelectedDecay : Result.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._placed: PlacedIrf | None = None
        self._attempts = 0

    def selected(self, frame: ObservedFrame, state: ViewState, /, *, fit: bool) -> SelectedDecay:
        """Return the decay of the selected pixel or region, or of all pixels with a lifetime.

        Parameters
        ----------
        frame : ObservedFrame
            Frame with its counts.
        state : ViewState
            Selection.
        fit : bool
            Fit lifetimes, which takes a fifth of a second.

        Raises
        ------
        InputError
            If the counts are not kept, or the selection contains no pixel.
        """
        if not frame.counts_bytes:
            raise InputError(f"the counts of frame {frame.frame} are no longer kept; only its maps are")
        chosen, title = _chosen(frame, state)
        record = self._record(frame, chosen)
        values = _values(frame, state, chosen)
        if record.response is not None:
            axis, irf = record.axis, record.response.irf
            taus, amplitudes = _components(values) if title.startswith("pixel") else ([], [])
            if taus and record.counts.any():
                curve = decay_curve(record.counts, axis=axis, irf=irf, taus_ns=taus, amplitudes=amplitudes)
                record = replace(record, predicted=curve)
            if fit and record.counts.any():
                fitted = fit_lifetimes(record.counts, axis=axis, irf=irf, components=COMPONENTS)
                record = replace(record, fit=fitted)
        return SelectedDecay.of(title, record, values)

    def _record(self, frame: ObservedFrame, chosen: NDArray[np.bool_]) -> DecayRecord:
        rows, columns = (np.flatnonzero(chosen.any(axis=axis)) for axis in (1, 0))
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        if frame.data is not None and frame.analysis is not None:
            return summed_decay(
                frame.data[part],
                frame.maps,
                frame.analysis,
                None,
                chosen=chosen[part],
                placed=self._response(frame),
                curves=False,
            )
        assert frame.axis is not None
        sums = [gate[part][chosen[part]].sum(dtype=np.float64) for gate in frame.gates]
        names = (str(frame.maps.attrs["source"]), str(frame.maps.attrs["model"]))
        return DecayRecord(frame.axis, 0.0, np.array(sums), int(chosen.sum()), *names)

    def _response(self, frame: ObservedFrame) -> PlacedIrf | None:
        """Return the response that the first frames determine."""
        with self._lock:
            if self._placed is None and self._attempts < ATTEMPTS:
                assert frame.data is not None
                assert frame.analysis is not None
                self._attempts += 1
                whole = summed_decay(frame.data, frame.maps, frame.analysis, None, curves=False)
                self._placed = whole.response
            return self._placed


def _chosen(frame: ObservedFrame, state: ViewState) -> tuple[NDArray[np.bool_], str]:
    """Return the pixels of a selection and its name."""
    known = np.isfinite(frame.maps["tau_mean_ns"].values)
    height, width = known.shape
    if state.selected:
        outline = next((one for one in state.regions if one.name == state.selected), None)
        inside = np.zeros(known.shape, np.bool_)
        if outline is not None:
            pixels = inside_rings([np.array(outline.points)], shape=(height, width))
            inside.reshape(-1)[pixels] = True
        title = f"region {state.selected}"
        chosen = inside & known
    elif state.pixel is not None:
        x, y = state.pixel
        title = f"pixel ({x}, {y})"
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(f"{title} is outside of the image of {width} x {height} pixels")
        reach = 0 if frame.analysis is None else frame.analysis.options.binning
        chosen = np.zeros(known.shape, np.bool_)
        chosen[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = True
        if frame.analysis is not None:
            chosen &= frame.analysis.mask
    else:
        chosen, title = known, "whole image"
    if not chosen.any():
        raise InputError(f"{title} has no pixel with a lifetime in frame {frame.frame}")
    return chosen, title


def _values(
    frame: ObservedFrame, state: ViewState, chosen: NDArray[np.bool_]
) -> dict[str, tuple[float, float]]:
    """Return lifetimes and standard errors of a pixel, or medians of a region."""
    maps, found = frame.maps, {}
    for name, error in STD_OF.items():
        if name not in maps:
            continue
        if state.selected or state.pixel is None:
            values = maps[name].values[chosen]
            finite = values[np.isfinite(values)]
            found[name] = (float(np.median(finite)) if finite.size else np.nan, np.nan)
        else:
            x, y = state.pixel
            pair = (maps[one].values[y, x] if one in maps else np.nan for one in (name, error))
            value, std = (float(number) for number in pair)
            found[name] = (value, std)
    return found


def _components(values: dict[str, tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return lifetimes and amplitudes of the components of a pixel; one component without two lifetimes."""
    if "tau_short_ns" not in values:
        taus, amplitudes = [values["tau_mean_ns"][0]], [1.0]
    else:
        share = values["amplitude_fraction"][0]
        taus, amplitudes = [values["tau_short_ns"][0], values["tau_long_ns"][0]], [share, 1 - share]
    known = [(tau, share) for tau, share in zip(taus, amplitudes, strict=True) if tau > 0 and share > 0]
    return [tau for tau, _ in known], [share for _, share in known]
