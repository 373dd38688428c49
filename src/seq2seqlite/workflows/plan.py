"""Planning of an acquisition from the Cramér-Rao bound."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from seq2seqlite.decay import Decay, PhotonCountingDetector, SpadFrameDetector
from seq2seqlite.errors import InputError
from seq2seqlite.planning.designs import BINARY_FRAMES_PER_SECOND, default_bits, instrument_designs
from seq2seqlite.planning.information import n_parameters
from seq2seqlite.planning.plan import AcquisitionPlan, plan_designs
from seq2seqlite.reports.plan_report import check_plan_plot, write_plan_plot
from seq2seqlite.simulation.instrument import Instrument, load_instrument

__all__ = ["plan_acquisition"]


def plan_acquisition(
    instrument: str | Path | Instrument,
    tau_ns: Sequence[float],
    /,
    *,
    precision: float = 0.05,
    components: int = 1,
    amplitude_fraction: float = 0.5,
    background: float | None = None,
    gate_length_ns: Sequence[float] = (),
    bits: Sequence[int] = (),
    binary_frames_per_second: float | None = None,
    photons_per_second: float | None = None,
    max_occupancy: float = 0.8,
    out: str | PathLike[str] | None = None,
) -> AcquisitionPlan:
    """Plan an acquisition: photons, gates, bits and speed for a precision; the command ``plan``.

    Parameters
    ----------
    instrument : str, path or Instrument
        Shipped instrument, TOML file, or instrument. Response and gate edges are in the middle of its ranges.
    tau_ns : sequence of float
        Lifetimes, in ns. The precision is required for each of them.
    precision : float
        Required relative standard error of the mean lifetime of a pixel.
    components : {1, 2}
        Number of lifetimes of a decay; with 2, ``tau_ns`` are the two lifetimes of one decay.
    amplitude_fraction : float
        Share of the first of two lifetimes in the amplitude.
    background : float, optional
        Share of background in the photons that reach the pixel; default: the middle of the range of the
        instrument's decays.
    gate_length_ns : sequence of float
        Gate lengths to compare, in ns; default: bottom, middle and top of the instrument's range. The first
        is that of the reference design.
    bits : sequence of int
        Bits of the counters to compare, for a camera with one-bit frames; a gate is the sum of
        ``2**bits - 1`` frames. Default: those of the instrument's counter (8 if unknown), 6 and 4.
    binary_frames_per_second : float, optional
        One-bit frames per second of the camera; default: that of a shipped instrument's camera.
    photons_per_second : float, optional
        Photons that reach the pixel in a second. Default: the rate that each design needs for the precision;
        detectors without one-bit frames then have no frame rate.
    max_occupancy : float
        Largest share of one-bit frames with a count, in the brightest gate.
    out : path-like, optional
        PNG file of a plot to write.

    Returns
    -------
    AcquisitionPlan

    Raises
    ------
    InputError
        If the instrument or a number is invalid, or ``out`` exists and was not written by this function.

    See Also
    --------
    seq2seqlite.compare_accuracy : Compare predictors on simulated decays with the bound.

    Examples
    --------
    >>> plan = plan_acquisition("swissspad3", [2.5], precision=0.05, gate_length_ns=[3.0], bits=[8])
    >>> plan.designs[0].design.n_gates, round(plan.designs[0].frames_per_second, 2)
    (135, 2.56)
    """
    described = instrument if isinstance(instrument, Instrument) else load_instrument(instrument)
    if not isinstance(described.detector, PhotonCountingDetector | SpadFrameDetector):
        raise InputError(
            f"instrument {described.name}: planning supports detectors of kind photon-counting and "
            f"spad-frames, not {described.to_dict()['detector']['kind']}"
        )
    if out is not None:
        check_plan_plot(Path(out))
    samples = _samples(tau_ns, components, amplitude_fraction)
    rate = binary_frames_per_second or BINARY_FRAMES_PER_SECOND.get(described.name)
    one_bit = rate is not None or isinstance(described.detector, SpadFrameDetector)
    if bits and not one_bit:
        raise InputError(
            f"bits={list(bits)} is only for cameras with one-bit frames; pass binary_frames_per_second, or "
            "omit it"
        )
    gate_by_gate = one_bit or described.gate is not None
    designs = instrument_designs(
        described,
        n_parameters=n_parameters(samples[0]),
        gate_length_ns=gate_length_ns,
        bits=(tuple(bits) or default_bits(described)) if one_bit else (),
        gate_by_gate=gate_by_gate,
    )
    share = sum(described.decays.background) / 2 if background is None else background
    planned = plan_designs(
        described,
        samples,
        designs,
        precision=precision,
        background=share,
        gate_by_gate=gate_by_gate,
        binary_frames_per_second=rate,
        photons_per_second=photons_per_second,
        max_occupancy=max_occupancy,
    )
    settings = {
        "instrument": described.to_dict(),
        "tau_ns": list(tau_ns),
        "components": components,
        "amplitude_fraction": amplitude_fraction if components == 2 else None,
        "background": share,
        "binary_frames_per_second": rate,
        "photons_per_second": photons_per_second,
    }
    plan = AcquisitionPlan(planned, precision, settings)
    if out is not None:
        write_plan_plot(plan, Path(out))
    return plan


def _samples(tau_ns: Sequence[float], components: int, amplitude_fraction: float) -> list[Decay]:
    if components not in (1, 2):
        raise InputError(f"components={components} must be 1 or 2")
    if not len(tau_ns):
        raise InputError("tau_ns is empty; pass one or more lifetimes in ns (e.g. 0.5 and 2.5)")
    if components == 1:
        return [Decay(float(tau), float(tau)) for tau in dict.fromkeys(tau_ns)]
    if len(tau_ns) != 2 or tau_ns[0] == tau_ns[1]:
        raise InputError(f"tau_ns={list(tau_ns)} must be two different lifetimes for components=2")
    return [Decay(float(tau_ns[0]), float(tau_ns[1]), amplitude_fraction)]
