"""Tables of a statistic over the lifetime: where they are inverted, and what is returned outside of them."""

import numpy as np
import pytest

from seq2seqlite.inverse_table import MIN_POINTS, InverseTable, longest_rise

TAUS = np.geomspace(0.1, 10.0, 50)


def semicircle(tau_ns):
    """Phasors of mono-exponential decays at 1 rad/ns."""
    g = 1 / (1 + tau_ns**2)
    return np.stack([g, tau_ns * g], axis=-1)


def test_a_scalar_is_inverted_by_linear_interpolation():
    table = InverseTable(TAUS, TAUS**2)
    np.testing.assert_array_equal(table.lifetimes(TAUS**2), TAUS)
    middle = (table.values[1:] + table.values[:-1]) / 2
    np.testing.assert_allclose(table.lifetimes(middle), (TAUS[1:] + TAUS[:-1]) / 2, rtol=1e-12)
    assert table.tau_range_ns == (TAUS[0], TAUS[-1])
    assert len(table) == 50


def test_a_scalar_outside_the_table_has_the_lifetime_of_its_end():
    table = InverseTable(TAUS, TAUS)
    found = table.lifetimes(np.array([-np.inf, 0.0, 99.0, np.inf, np.nan]))
    np.testing.assert_array_equal(found, [TAUS[0], TAUS[0], TAUS[-1], TAUS[-1], np.nan])


def test_slopes_and_quantities_are_interpolated_at_the_scalar():
    table = InverseTable(TAUS, 2 * TAUS + 1, {"share": 3 * TAUS})
    values = np.array([2.0, 5.0, 11.0])
    np.testing.assert_allclose(table.slopes(values), 0.5, rtol=1e-9)
    np.testing.assert_allclose(table.quantity("share", values), 3 * (values - 1) / 2, rtol=1e-12)
    with pytest.raises(KeyError):
        table.quantity("background", values)


def test_the_longest_rise_is_kept_with_its_quantities():
    values = np.concatenate([[5.0, 4.0], np.arange(40.0), [np.nan], np.arange(7.0)])
    table = InverseTable.of_longest_rise(TAUS, values, index=np.arange(50.0))
    np.testing.assert_array_equal(table.tau_ns, TAUS[2:42])
    np.testing.assert_array_equal(table.values, np.arange(40.0))
    np.testing.assert_array_equal(table.quantities["index"], np.arange(2.0, 42.0))


@pytest.mark.parametrize(("rising", "kept"), [(MIN_POINTS - 1, 0), (MIN_POINTS, MIN_POINTS)])
def test_a_short_rise_gives_an_empty_table(rising, kept):
    values = np.concatenate([np.arange(float(rising)), -np.arange(50.0 - rising)])
    table = InverseTable.of_longest_rise(TAUS, values)
    assert (len(table), table.values.size) == (kept, kept)


@pytest.mark.parametrize(
    ("values", "run"),
    [([1, 2, 3], (0, 3)), ([3, 2, 1], (0, 1)), ([1, 1, 2, 3], (1, 4)), ([np.nan, np.nan], (0, 1))],
)
def test_the_longest_rise(values, run):
    assert longest_rise(np.array(values, float)) == run


def test_a_point_on_the_curve_has_its_lifetime():
    table = InverseTable(TAUS, semicircle(TAUS))
    np.testing.assert_allclose(table.lifetimes(semicircle(TAUS)), TAUS, rtol=1e-12)
    between = np.sqrt(TAUS[1:] * TAUS[:-1])
    np.testing.assert_allclose(table.lifetimes(semicircle(between)), between, rtol=5e-3)


def test_a_point_beside_the_curve_has_the_nearest_lifetime():
    table = InverseTable(TAUS, semicircle(TAUS))
    points = np.random.default_rng(2).uniform(-0.2, 1.2, (300, 2))
    found = table.lifetimes(points)
    fine = np.geomspace(0.1, 10.0, 20_001)
    distances = np.linalg.norm(points[:, None] - semicircle(fine), axis=-1)
    # The curve has 49 straight segments, which lie at most 0.0006 inside the semicircle.
    reached = np.linalg.norm(points - semicircle(found), axis=-1)
    assert (reached <= distances.min(axis=1) + 0.001).all()


def test_a_point_that_is_not_finite_is_the_origin():
    table = InverseTable(TAUS, semicircle(TAUS))
    points = np.array([[np.nan, 0.5], [0.3, np.inf], [0.0, 0.0]])
    np.testing.assert_array_equal(table.lifetimes(points), table.lifetimes(np.zeros((3, 2))))
    assert np.isnan(points[0, 0])  # the caller's array is unchanged


def test_spaced_lifetimes():
    taus = InverseTable.spaced_lifetimes(0.01, 25.0)
    assert (taus.shape, taus[0]) == ((400,), 0.01)
    np.testing.assert_allclose(np.diff(np.log(taus)), np.log(2500) / 399, rtol=1e-9)
