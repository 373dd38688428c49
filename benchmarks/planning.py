"""Precision predicted by ``seq2seqlite plan`` beside that of maximum likelihood on simulated acquisitions.

    python benchmarks/planning.py [--n 4000]

For designs of four instruments: number of photons for a precision of 5 % (10 % for the mean of two
lifetimes), predicted precision of each decay at this number, and error of the fitted mean lifetimes (root
mean square; maximum likelihood with the true response and a free background) of N simulated acquisitions.
One-bit frames saturate; their sums are corrected before the fit, as for measurements.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from seq2seqlite.decay import Decay, PhotonCountingDetector, SpadFrameDetector, photons_of
from seq2seqlite.estimators.maximum_likelihood import MaximumLikelihood
from seq2seqlite.planning import Design, gate_information, plan_designs
from seq2seqlite.simulation import load_instrument

ONE_LIFETIME = (Decay(0.5, 0.5), Decay(2.5, 2.5))
TWO_LIFETIMES = (Decay(0.5, 2.5, 0.5),)
BACKGROUND = 0.025
PRECISION = 0.05
# Instrument, design, one-bit frames per second.
DESIGNS = (
    ("swissspad3", Design(135, 0, 1, 0.09, 3.0, bits=8), 88_000.0),
    ("swissspad3", Design(27, 0, 5, 0.45, 3.0, bits=8), 88_000.0),
    ("swissspad3", Design(101, 0, 1, 0.09, 2.5, bits=6), 88_000.0),
    ("spad512s", Design(67, 0, 1, 0.183489, 6.0, bits=8), 100_000.0),
    ("iccd", Design(70, 0, 2, 0.08, 0.3), None),
    ("tcspc-80mhz", Design(27, 0, 5, 0.45, 0.45), None),
)
# Two lifetimes need several times as many photons, and so more one-bit frames.
DESIGNS_FOR_TWO = (
    ("swissspad3", Design(135, 0, 1, 0.09, 3.0, bits=8), 88_000.0),
    ("swissspad3", Design(27, 0, 5, 0.45, 3.0, bits=10), 88_000.0),
    ("iccd", Design(70, 0, 2, 0.08, 0.3), None),
    ("tcspc-80mhz", Design(27, 0, 5, 0.45, 0.45), None),
)


@dataclass(frozen=True)
class Check:
    """Predicted and simulated precision of one decay measured with one design."""

    instrument: str
    design: Design
    sample: Decay
    photons: float
    occupancy: float | None
    predicted: float
    simulated: float
    bias: float


def checks(
    *,
    n: int,
    designs: tuple[tuple[str, Design, float | None], ...] = DESIGNS,
    samples: tuple[Decay, ...] = ONE_LIFETIME,
    precision: float = PRECISION,
    seed: int = 1,
) -> Iterator[Check]:
    """Yield the comparison of each design and decay, with ``n`` simulated acquisitions."""
    rng = np.random.default_rng(seed)
    for name, design, rate in designs:
        instrument = load_instrument(name)
        by_gate = name != "tcspc-80mhz"
        (planned,) = plan_designs(
            instrument, samples, [design], precision=precision, background=BACKGROUND,
            gate_by_gate=by_gate, binary_frames_per_second=rate,
        )  # fmt: skip
        n_frames = design.frames_per_gate
        light = planned.incident_photons / (n_frames * (design.n_gates if by_gate else 1))
        axis = design.axis(instrument)
        irf = design.response(
            instrument.middle_irf(gate_length_ns=design.gate_length_ns if instrument.gate else None),
            instrument=instrument,
        )
        fit = MaximumLikelihood(axis, irf, components=1 if samples[0].mono else 2)
        detector = PhotonCountingDetector() if design.bits is None else SpadFrameDetector(n_frames)
        measured = instrument if by_gate else replace(instrument, axis=axis)
        gates = design.gates if by_gate else slice(None)
        length = design.gate_length_ns if by_gate else None
        known = [
            gate_information(measured, sample, background=BACKGROUND, gate_length_ns=length)
            for sample in samples
        ]
        expected = np.stack([each.counts[gates] for each in known]) * light * n_frames
        counts = photons_of(detector, detector.sample(np.repeat(expected, n, axis=0), rng))
        fitted = fit.lifetimes(counts).tau_mean_ns.reshape(len(samples), n)
        for sample, each, photons, tau in zip(samples, known, expected.sum(axis=1), fitted, strict=True):
            error = each.mean_error(np.array([light]), gates=gates, one_bit=design.bits is not None)
            deviation = tau / sample.tau_mean_ns - 1
            yield Check(
                name,
                design,
                sample,
                float(photons),
                planned.occupancy,
                float(error.after(n_frames)[0]),
                float(np.sqrt(np.nanmean(deviation**2))),
                float(np.nanmean(deviation)),
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000)
    arguments = parser.parse_args()
    print(
        "| instrument | gates | step / ns | length / ns | bits | occupancy | lifetimes / ns | photons "
        "| predicted | maximum likelihood | ratio | bias |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    two = checks(n=arguments.n, designs=DESIGNS_FOR_TWO, samples=TWO_LIFETIMES, precision=0.1)
    for check in chain(checks(n=arguments.n), two):
        design, sample = check.design, check.sample
        taus = (
            f"{sample.tau_short_ns:g}" if sample.mono else f"{sample.tau_short_ns:g}, {sample.tau_long_ns:g}"
        )
        occupancy = "" if check.occupancy is None else f"{check.occupancy:.0%}"
        print(
            f"| `{check.instrument}` | {design.n_gates} | {design.gate_step_ns:g} "
            f"| {design.gate_length_ns:g} | {design.bits or ''} | {occupancy} | {taus} "
            f"| {check.photons:,.0f} | "
            f"{check.predicted:.2%} | {check.simulated:.2%} | {check.simulated / check.predicted:.2f} "
            f"| {check.bias:+.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
