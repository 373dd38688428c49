"""Quantities of two lifetimes against their closed forms, also where a component is absent."""

import numpy as np
import pytest

from seq2seqlite.decay import (
    AMPLITUDE_WEIGHTED,
    DERIVED,
    Lifetimes,
    ParametricIrf,
    Quantities,
    TimeAxis,
    derived_quantity,
    expected_tpsf,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS, estimator_named
from seq2seqlite.protocols import quantities

NAN = np.nan
# Two components, only the short one, only the long one, no lifetime.
FOUND = Lifetimes(
    np.array([1.5, 0.5, 2.5, NAN]),
    np.array([0.5, 0.5, NAN, NAN]),
    np.array([2.5, NAN, 2.5, NAN]),
    np.array([0.5, 0.99, 0.01, NAN]),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tau_intensity_ns", [(0.25 + 6.25) / 3, 0.5, 2.5, NAN]),
        ("photon_fraction", [0.25 / 1.5, 1.0, 0.0, NAN]),
        ("bound_free_ratio", [1.0, NAN, NAN, NAN]),
        ("fret_efficiency", [0.5, 1 - 0.5 / 3, 1 - 2.5 / 3, NAN]),
    ],
)
def test_closed_forms(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(derived_quantity(name, FOUND, donor_tau_ns=3.0), expected)


def test_the_intensity_weighted_mean_is_that_of_the_arrival_times() -> None:
    """The mean arrival time of the photons of a decay, from its integrals."""
    times = np.arange(0, 60, 0.001) + 0.0005
    decay = 0.5 * np.exp(-times / 0.5) + 0.5 * np.exp(-times / 2.5)
    mean = derived_quantity("tau_intensity_ns", FOUND)[0]
    assert mean == pytest.approx((decay * times).sum() / decay.sum(), rel=1e-5)


# The table of docs/reference/maps.md.
EXAMPLE = {
    "centre-of-mass": 2.04, "phasor": 2.01, "mle-mono": 1.91, "rld-2": 2.36, "rld-3": 2.24, "mle-bi": 1.50,
    "mle-tri": 1.50,
}  # fmt: skip


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_declare_what_they_determine(name: str) -> None:
    axis, irf = TimeAxis(250, 0.05, 12.5), ParametricIrf(2.0, 0.2)
    tpsf = expected_tpsf([0.5, 0.5], [0.5, 2.5], axis=axis, irf=irf, photons=1e5, background=1.0)
    estimator = estimator_named(name, axis=axis, irf=irf)
    found = estimator.lifetimes(tpsf[None])
    declared = quantities(estimator)
    assert found.tau_mean_ns.item() == pytest.approx(EXAMPLE[name], abs=0.006)
    assert declared.components == {"mle-bi": 2, "mle-tri": 3}.get(name, 1)
    assert (declared.mean == AMPLITUDE_WEIGHTED) == (declared.components > 1)
    assert (found.tau_short_ns.item() == found.tau_long_ns.item()) == (declared.components == 1)


def test_one_lifetime_has_no_fractions() -> None:
    Quantities(1).check(("fret_efficiency",), name="phasor")
    for name in DERIVED[:3]:
        with pytest.raises(InputError, match=f"also={name} needs two lifetimes, but model phasor determines"):
            Quantities(1).check((name,), name="phasor")
        Quantities().check((name,), name="mle-bi")
