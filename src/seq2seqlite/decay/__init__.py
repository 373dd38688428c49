"""Physics of fluorescence decays: time axis, IRF, forward model, detectors, normalisation and lifetimes."""

from seq2seqlite.decay.arrival import mean_arrival_ns, rising_edge_ns
from seq2seqlite.decay.axis import TimeAxis
from seq2seqlite.decay.counts import counts_for, without_invalid
from seq2seqlite.decay.decay import Decay
from seq2seqlite.decay.detector import (
    Detector,
    IccdDetector,
    PhotonCountingDetector,
    PileUpDetector,
    SpadFrameDetector,
    first_photon_histogram,
    photons_of,
)
from seq2seqlite.decay.fit_model import FitModel
from seq2seqlite.decay.gate import Gate, GatedIrf
from seq2seqlite.decay.irf import Irf, MeasuredIrf, ParametricIrf, angular_frequencies_per_ns
from seq2seqlite.decay.irf_bank import IrfBank
from seq2seqlite.decay.normalise import BASELINE_GATES, normalise_to_codes, normalise_tpsf
from seq2seqlite.decay.quantities import (
    AMPLITUDE_WEIGHTED,
    DERIVED,
    INTENSITY_WEIGHTED,
    ONE_EXPONENTIAL,
    Quantities,
    derived_quantity,
    intensity_weighted_mean_ns,
)
from seq2seqlite.decay.sfd import (
    CHANNELS,
    MIN_COMPONENT_SHARE,
    Lifetimes,
    LifetimesWithErrors,
    amplitude_fraction_from_intensity,
    intensity_fraction_from_amplitude,
    lifetimes_from_areas,
    lifetimes_from_sfd,
    present_components,
    sfd_from_lifetimes,
    tau_from_area_ratio,
)
from seq2seqlite.decay.tail_fit import TailFit, fit_tail, longer_lifetime_ns
from seq2seqlite.decay.tpsf import (
    MAX_HARMONICS,
    ForwardModel,
    expected_response,
    expected_tpsf,
    forward_model,
    harmonics_needed,
)

__all__ = [
    "AMPLITUDE_WEIGHTED",
    "BASELINE_GATES",
    "CHANNELS",
    "DERIVED",
    "INTENSITY_WEIGHTED",
    "MAX_HARMONICS",
    "ONE_EXPONENTIAL",
    "Decay",
    "Detector",
    "FitModel",
    "ForwardModel",
    "Gate",
    "GatedIrf",
    "IccdDetector",
    "Irf",
    "IrfBank",
    "Lifetimes",
    "LifetimesWithErrors",
    "MIN_COMPONENT_SHARE",
    "MeasuredIrf",
    "ParametricIrf",
    "PhotonCountingDetector",
    "PileUpDetector",
    "Quantities",
    "SpadFrameDetector",
    "TailFit",
    "TimeAxis",
    "amplitude_fraction_from_intensity",
    "angular_frequencies_per_ns",
    "counts_for",
    "derived_quantity",
    "expected_response",
    "expected_tpsf",
    "first_photon_histogram",
    "fit_tail",
    "forward_model",
    "harmonics_needed",
    "intensity_fraction_from_amplitude",
    "intensity_weighted_mean_ns",
    "lifetimes_from_areas",
    "lifetimes_from_sfd",
    "longer_lifetime_ns",
    "mean_arrival_ns",
    "normalise_to_codes",
    "normalise_tpsf",
    "photons_of",
    "present_components",
    "rising_edge_ns",
    "sfd_from_lifetimes",
    "tau_from_area_ratio",
    "without_invalid",
]
