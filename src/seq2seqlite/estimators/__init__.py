"""Conventional lifetime estimators and the Cramér-Rao bound, for comparison with the networks.

Every estimator has the interface of the networks: it takes TPSFs and returns lifetimes and amplitude
fractions. It also returns standard errors, and a reason for each pixel without a lifetime. All estimators can
therefore compute lifetime maps, and all appear in the accuracy table.

:mod:`seq2seqlite.estimators.maximum_likelihood`, :mod:`~seq2seqlite.estimators.shared_lifetimes` and
:mod:`~seq2seqlite.estimators.crlb` need JAX (the extra ``train``), so this package does not import them.
"""

from seq2seqlite.estimators.centre_of_mass import CentreOfMass
from seq2seqlite.estimators.estimate import Estimate, Reason
from seq2seqlite.estimators.phasor import Phasor, apparent_lifetimes, phasor_from_tpsf
from seq2seqlite.estimators.rapid_lifetime import RapidLifetime, rld_from_gates, rld_from_three_gates
from seq2seqlite.estimators.registry import ESTIMATORS, estimator_named

__all__ = [
    "ESTIMATORS",
    "CentreOfMass",
    "Estimate",
    "Phasor",
    "RapidLifetime",
    "Reason",
    "apparent_lifetimes",
    "estimator_named",
    "phasor_from_tpsf",
    "rld_from_gates",
    "rld_from_three_gates",
]
