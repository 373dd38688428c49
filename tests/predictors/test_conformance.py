"""Properties that every predictor has: one table of predictors, one test for each property.

``make_case`` lists the predictors, each with its reference and the class of agreement: equal bit for bit, or
a named tolerance.
"""

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import pytest

from seq2seqlite.decay import (
    AMPLITUDE_WEIGHTED,
    Lifetimes,
    ParametricIrf,
    Quantities,
    TimeAxis,
    expected_tpsf,
)
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import ESTIMATORS
from seq2seqlite.maps import ERROR_MAPS
from seq2seqlite.predictors import CollectedGates, load_predictor
from seq2seqlite.predictors.native_axis import NativeAxisPredictor
from seq2seqlite.protocols import (
    Predictor,
    ResponsePredictor,
    SfdPredictor,
    TrainedPredictor,
    error_maps,
    quantities,
)
from seq2seqlite.simulation.simulator import measured_response

AXIS = TimeAxis(n_gates=135, gate_width_ns=0.09, period_ns=12.5)
IRF = ParametricIrf(1.5, 0.25, 0.1, 0.3)
N_DECAYS = 60
QUANTITIES = [field.name for field in fields(Lifetimes)]
DIRECT = "seq2seqlite-tcspc-80mhz-direct-float"
DIRECT_INT8 = "seq2seqlite-tcspc-80mhz-direct-int8"
FLOAT, TINY = "seq2seqlite-tcspc-80mhz-float", "seq2seqlite-tcspc-80mhz-tiny"


@dataclass(frozen=True)
class Tolerance:
    """Largest difference of two lifetimes, absolute (ns, or share of the amplitude) and relative, and why."""

    reason: str
    value: float = 0.0


EQUAL = Tolerance("integers: every implementation computes the same codes")
SAME_ORDER = Tolerance("every decay is computed alone, in the same order")
FLOAT32_SUMS = Tolerance("float32: the order of the sums of 135 recurrent steps differs", 2e-3)
BLAS_SHAPE = Tolerance("float32: BLAS chooses the order of a sum by the shape of the batch", 2e-4)
CLOSED_FORM = Tolerance("closed form: NumPy sums float32 counts, and other layouts, in another order", 1e-4)
FIT = Tolerance("a fit stops when 1 % of the standard error is left; XLA compiles a few batch sizes", 2e-2)
MODEL = Tolerance("a closed form for one lifetime is approximate (wide gates, harmonics, IRF)", 0.03)


@dataclass(frozen=True)
class Case:
    """A predictor under test.

    Parameters
    ----------
    predictor : Predictor
        Predictor.
    reference : Predictor, optional
        Predictor with the same results; None: the true lifetimes of decays without noise.
    agreement : Tolerance
        With the reference.
    repeat : Tolerance
        Between two calls with another number of decays or threads.
    other_threads : callable, optional
        Makes the same predictor with another number of threads.
    """

    predictor: Predictor
    reference: Predictor | None
    agreement: Tolerance
    repeat: Tolerance
    other_threads: Callable[[], Predictor] | None = None


NAMES = [
    "float-numpy", "float-cpu", "float-jax",
    "program-numpy", "program-cpu", "program-jax", "rtl",
    "direct-numpy", "direct-cpu", "direct-blind",
    "directprogram-numpy", "directprogram-cpu", "directprogram-jax",
    *ESTIMATORS, "native-axis",
]  # fmt: skip


def make_case(name: str, request: pytest.FixtureRequest) -> Case:
    if name in ESTIMATORS:
        estimator = load_predictor(name, axis=AXIS, irf=IRF)
        return Case(estimator, None, MODEL, FIT if name.startswith("mle") else CLOSED_FORM)
    if name == "native-axis":
        estimator = load_predictor("rld-3", axis=AXIS, irf=IRF)
        return Case(NativeAxisPredictor(estimator, 1.4), estimator, CLOSED_FORM, CLOSED_FORM)
    model, _, backend = name.partition("-")
    if model.startswith("direct"):
        return direct_case(backend, integer=model == "directprogram")
    stored = FLOAT if model == "float" else TINY
    reference = load_predictor(stored, backend="numpy")
    if name == "rtl":
        from seq2seqlite.hardware.cosim.design import HardwarePredictor

        return Case(HardwarePredictor(request.getfixturevalue("tiny_design")[1]), reference, EQUAL, EQUAL)
    threads = 1 if backend == "cpu" else None
    predictor = load_predictor(stored, backend=backend, threads=threads)
    other = partial(load_predictor, stored, backend=backend, threads=3) if threads else None
    if model == "program":
        return Case(predictor, reference, EQUAL, EQUAL, other)
    same = EQUAL if backend == "numpy" else FLOAT32_SUMS
    return Case(predictor, reference, same, BLAS_SHAPE if backend == "numpy" else SAME_ORDER, other)


def direct_case(backend: str, *, integer: bool) -> Case:
    """A direct network or its program, with the response of the decays or without it."""
    blind = backend == "blind"
    response = None if blind else measured_response(IRF, axis=AXIS, counts=1e5)

    def model(backend: str, threads: int | None = None) -> Predictor:
        found = load_predictor(DIRECT_INT8 if integer else DIRECT, backend=backend, threads=threads)
        assert isinstance(found, ResponsePredictor)
        return found.with_response(response)

    if integer:
        threads = 1 if backend == "cpu" else None
        other = partial(model, "cpu", 3) if threads else None
        return Case(model(backend, threads), model("numpy"), EQUAL, EQUAL, other)
    if backend == "numpy":
        return Case(model("numpy"), model("numpy"), EQUAL, BLAS_SHAPE)
    return Case(model("cpu", 1), model("numpy"), FLOAT32_SUMS, SAME_ORDER, partial(model, "cpu", 3))


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return make_case(request.param, request)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """Decays with photon noise: lifetimes of 1 to 4 ns, 2,000 to 20,000 photons.

    The second wide gate of ``rld-2`` starts 4.8 ns after the end of the IRF, where noise hides shorter or
    dimmer decays.
    """
    rng = np.random.default_rng(seed=7)
    tau, photons = rng.uniform(1.0, 4.0, (N_DECAYS, 1)), rng.uniform(2_000, 20_000, N_DECAYS)
    decays = [
        expected_tpsf([1.0], one, axis=AXIS, irf=IRF, photons=n, background=0.2)
        for one, n in zip(tau, photons, strict=True)
    ]
    return rng.poisson(np.array(decays)).astype(np.uint16)


@pytest.fixture(scope="module")
def found(case: Case, counts: np.ndarray) -> Lifetimes:
    """Result of the predictor for ``counts``, which several tests compare with."""
    return case.predictor.lifetimes(counts)


def assert_agree(
    found: Lifetimes, expected: Lifetimes, tolerance: Tolerance, rows: Any = slice(None)
) -> None:
    """Compare all quantities; ``rows`` are those of ``expected``."""
    for name in QUANTITIES:
        got, want = getattr(found, name), getattr(expected, name)[rows]
        if tolerance.value:
            np.testing.assert_allclose(
                got, want, rtol=tolerance.value, atol=tolerance.value, err_msg=f"{name}: {tolerance.reason}"
            )
        else:
            np.testing.assert_array_equal(got, want, err_msg=f"{name}: {tolerance.reason}")


def of_rows(found: Lifetimes, rows: Any) -> Lifetimes:
    return Lifetimes(*(getattr(found, name)[rows] for name in QUANTITIES))


def assert_nothing(found: Lifetimes, rows: Any) -> None:
    for name in QUANTITIES:
        assert np.isnan(getattr(found, name)[rows]).all(), name


def test_attributes(case: Case) -> None:
    predictor = case.predictor
    assert isinstance(predictor, Predictor)
    assert predictor.name
    assert predictor.kind
    assert predictor.axis == AXIS
    assert 0 < predictor.rising_edge_ns < AXIS.window_ns
    if isinstance(predictor, TrainedPredictor):
        assert predictor.instrument == "tcspc-80mhz"
        assert (
            predictor.n_parameters
            == {FLOAT: 6627, TINY: 507, DIRECT: 3816, DIRECT_INT8: 3816}[predictor.name]
        )
        assert case.reference is not None
        assert predictor.rising_edge_ns == case.reference.rising_edge_ns


def test_declared_quantities(case: Case, found: Lifetimes) -> None:
    """Networks determine two lifetimes; where only one is declared, both components are equal to it."""
    declared = quantities(case.predictor)
    if isinstance(case.predictor, TrainedPredictor):
        assert declared == Quantities(2, AMPLITUDE_WEIGHTED)
    if declared.components == 1:
        assert declared.mean != AMPLITUDE_WEIGHTED
        np.testing.assert_array_equal(found.tau_short_ns, found.tau_mean_ns)
        np.testing.assert_array_equal(found.tau_long_ns, found.tau_mean_ns)
    if isinstance(case.predictor, NativeAxisPredictor):
        assert declared == quantities(case.predictor.estimator)
        assert quantities(CollectedGates(case.predictor)) == declared


def test_shapes_and_types_of_the_result(case: Case, found: Lifetimes) -> None:
    for name in QUANTITIES:
        values = getattr(found, name)
        assert values.shape == (N_DECAYS,)
        assert values.dtype == np.float64
    given = np.isfinite(found.tau_mean_ns)
    assert given.mean() > 0.9
    fraction = found.amplitude_fraction[given]
    assert ((fraction >= 0) & (fraction <= 1)).all()


def test_counts_of_every_type(case: Case, counts: np.ndarray) -> None:
    few = counts[:12] // 8  # fits 8 bits
    assert few.max() < 256
    expected = case.predictor.lifetimes(few)
    for dtype in (np.uint8, np.int32, np.int64, np.float32, np.float64):
        assert_agree(case.predictor.lifetimes(few.astype(dtype)), expected, case.repeat)


def test_layout_of_the_counts(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    kept = counts.copy()
    kept.flags.writeable = False  # as from a memory map
    assert_agree(case.predictor.lifetimes(kept), found, case.repeat)
    np.testing.assert_array_equal(kept, counts)
    assert_agree(case.predictor.lifetimes(np.asfortranarray(counts)), found, case.repeat)


def test_no_decay(case: Case) -> None:
    for dtype in (np.uint16, np.float32):
        found = case.predictor.lifetimes(np.empty((0, AXIS.n_gates), dtype))
        assert [getattr(found, name).shape for name in QUANTITIES] == [(0,)] * 4


@pytest.mark.parametrize(
    ("tpsf", "text"),
    [
        (np.ones((2, 134), np.uint16), r"TPSFs have shape \(2, 134\), but"),
        (np.ones(135, np.uint16), r"TPSFs have shape \(135,\), but"),
        (np.ones((2, 135), np.complex128), "complex128"),
        (np.full((2, 135), "1"), "<U1"),
    ],
)
def test_unsupported_counts(case: Case, tpsf: np.ndarray, text: str) -> None:
    with pytest.raises(InputError, match=text):
        case.predictor.lifetimes(tpsf)


def test_below_threshold(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    dim = counts.copy()
    dim[3], dim[5] = 0, 7  # nothing at all, nothing above the baseline
    result = case.predictor.lifetimes(dim)
    assert_nothing(result, [3, 5])
    others = np.delete(np.arange(N_DECAYS), [3, 5])
    assert_agree(
        Lifetimes(*(getattr(result, name)[others] for name in QUANTITIES)), found, case.repeat, others
    )


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_invalid_counts(case: Case, counts: np.ndarray, found: Lifetimes, dtype: type) -> None:
    bad: np.ndarray = counts.astype(dtype)
    bad[2, 40] = -1
    rows = [2]
    if np.issubdtype(dtype, np.floating):
        bad[4, 50], bad[6, 0], bad[8, 134] = np.nan, np.inf, -np.inf
        rows = [2, 4, 6, 8]
    result = case.predictor.lifetimes(bad)
    assert_nothing(result, rows)
    others = np.delete(np.arange(N_DECAYS), rows)
    assert_agree(
        Lifetimes(*(getattr(result, name)[others] for name in QUANTITIES)), found, case.repeat, others
    )


def test_saturated_counts(case: Case) -> None:
    """Counts at the end of 16 bits and beyond give the lifetimes of the same decay with fewer counts."""
    decay = expected_tpsf([1.0], [2.0], axis=AXIS, irf=IRF, photons=1.0)
    scaled = np.rint([decay / decay.max() * peak for peak in (65_535, 262_140, 1_048_560)]).astype(np.int64)
    result = case.predictor.lifetimes(scaled).tau_mean_ns
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, result[0], rtol=5e-3)
    clipped = scaled.clip(0, 65_535).astype(np.uint16)
    assert case.predictor.lifetimes(clipped).tau_mean_ns.shape == (3,)


def test_number_of_decays_in_a_call(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    for part in (slice(0, 1), slice(1, 20), slice(20, N_DECAYS)):
        assert_agree(case.predictor.lifetimes(counts[part]), found, case.repeat, part)


def test_number_of_threads(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    if case.other_threads is not None:
        many = np.tile(counts, (40, 1))
        expected = np.tile(np.arange(N_DECAYS), 40)
        assert_agree(case.other_threads().lifetimes(many), found, case.repeat, expected)
    with ThreadPoolExecutor(2) as pool:  # two callers of one predictor
        for result in pool.map(case.predictor.lifetimes, [counts, counts]):
            assert_agree(result, found, case.repeat)


def test_pickling(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    restored = pickle.loads(pickle.dumps(case.predictor))  # noqa: S301 - our own
    for name in ("name", "kind", "axis", "rising_edge_ns"):
        assert getattr(restored, name) == getattr(case.predictor, name)
    assert_agree(restored.lifetimes(counts), found, case.repeat)


def test_agreement_with_the_reference(case: Case, counts: np.ndarray, found: Lifetimes) -> None:
    if case.reference is not None:
        assert_agree(found, case.reference.lifetimes(counts), case.agreement)
        return
    taus = [1.0, 1.5]  # tests/estimators has the whole range
    decays = [expected_tpsf([1.0], [tau], axis=AXIS, irf=IRF, photons=1e5) for tau in taus]
    result = case.predictor.lifetimes(np.array(decays))
    np.testing.assert_allclose(
        result.tau_mean_ns, taus, rtol=case.agreement.value, err_msg=case.agreement.reason
    )


def test_decays_without_irf(case: Case, counts: np.ndarray) -> None:
    if getattr(case.predictor, "direct", False):
        assert error_maps(case.predictor) == tuple(ERROR_MAPS)
        return
    if not isinstance(case.predictor, SfdPredictor):
        assert not isinstance(case.predictor, TrainedPredictor) or "hardware" in case.predictor.kind
        return
    assert isinstance(case.reference, SfdPredictor)
    sfd = case.predictor.sfd(counts)
    assert sfd.shape == (N_DECAYS, 3, AXIS.n_gates)
    assert sfd.dtype == np.float32
    np.testing.assert_allclose(sfd, case.reference.sfd(counts), atol=case.agreement.value / 100)
