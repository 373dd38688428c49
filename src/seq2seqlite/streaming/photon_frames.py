"""Conversion of a stream of photon events to frames of histograms."""

from collections.abc import Iterator

import numpy as np

from seq2seqlite.errors import InputError
from seq2seqlite.io.signal import signal_from_counts
from seq2seqlite.streaming.sources import Frame, Photons, Source, Spoilt

__all__ = ["FramesOfPhotons"]


class FramesOfPhotons:
    """Source of frames, accumulated from a source of photon events.

    Parameters
    ----------
    source : Source of Photons
        Source of events.
    shape : tuple of int
        Shape (Y, X, H) of a frame.
    gate_width_ns : float
        Bin width, in ns.
    period_ns : float, optional
        Laser period, in ns.

    See Also
    --------
    Photons : Photon events of one frame.
    GrowingPtu : Source of the frames of a PicoQuant T3 image during its recording.

    Notes
    -----
    One frame is kept in memory. A frame is invalid if events are outside of its shape, or if the next frame
    starts before the event marked as the last. Invalid frames are reported and counted.
    """

    def __init__(
        self,
        source: Source[Photons],
        /,
        *,
        shape: tuple[int, int, int],
        gate_width_ns: float,
        period_ns: float | None = None,
    ) -> None:
        if min(shape) < 1:
            raise InputError(f"shape={shape} must be (Y, X, H), each >= 1")
        self.source, self.shape, self.name = source, shape, source.name
        self.gate_width_ns, self.period_ns = gate_width_ns, period_ns

    def __iter__(self) -> Iterator[Frame | Spoilt]:
        counts, why = np.zeros(self.shape, np.uint32), ""
        before: Photons | None = None  # latest photons of an incomplete frame
        for photons in self.source:
            if before is not None and photons.frame != before.frame:
                yield self._cut(before, why)
                before = None
            if before is None:
                counts, why = np.zeros(self.shape, np.uint32), ""
            why = why or self._add(counts, photons)
            before = None if photons.last else photons
            if photons.last:
                yield Spoilt(photons.frame, photons.arrived_s, why) if why else self._frame(photons, counts)
        if before is not None:
            yield self._cut(before, why)

    def stop(self) -> None:
        self.source.stop()

    def _add(self, counts: np.ndarray, photons: Photons) -> str:
        """Add photons to the counts; return an error message, or an empty string."""
        height, width, n_bins = self.shape
        inside = (photons.pixel >= 0) & (photons.pixel < height * width)
        inside &= (photons.bin >= 0) & (photons.bin < n_bins)
        if not inside.all():
            return (
                f"{self.name}: frame {photons.frame} has {int((~inside).sum())} photons outside of shape="
                f"{self.shape}; check shape and bins"
            )
        flat = photons.pixel.astype(np.intp) * n_bins + photons.bin
        np.add.at(counts.reshape(-1), flat, 1)
        return ""

    def _frame(self, photons: Photons, counts: np.ndarray) -> Frame:
        data = signal_from_counts(
            counts,
            source=self.name,
            file_format="photon events",
            gate_width_ns=self.gate_width_ns,
            period_ns=self.period_ns,
        )
        return Frame(photons.frame, photons.arrived_s, data)

    def _cut(self, photons: Photons, why: str) -> Spoilt:
        cut = f"{self.name}: frame {photons.frame} ended before its last photons; it is skipped"
        return Spoilt(photons.frame, photons.arrived_s, why or cut)
