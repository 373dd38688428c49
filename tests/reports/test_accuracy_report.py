"""Tables of a comparison with the Cramér-Rao bound."""

import math

from seq2seqlite.reports.accuracy_report import accuracy_tables


def row(predictor, tau_ns, value, **more):
    given = {"predictor": predictor, "photons": 1000.0, "tau_ns": tau_ns, "quantity": "tau_mean_ns"}
    errors = dict.fromkeys(("rmse_over_crlb", "bias_ns", "coverage_68", "coverage_95"), value)
    return {**given, **errors, "pixels_per_second": 10.0, **more}


def test_predictors_without_a_value_say_so():
    rows = [
        row("rld-3", 0.3, math.nan),
        row("rld-3", 1.0, 0.5),
        row("phasor", 0.3, 0.4),
        row("phasor", 1.0, 0.5),
    ]
    two = {"tau_short_ns": 0.4, "tau_long_ns": 2.5, "amplitude_fraction": 0.5, "predicted": 0.0}
    shares = {("rld-3", 1000.0, 0.3): 0.0, ("rld-3", 1000.0, 1.0): 0.25}
    text = accuracy_tables(rows, [row("rld-3", None, math.nan, **two)], answered=shares)
    assert "nan" not in text
    assert "| `rld-3` | no value | 0.50 (25%) | 10 |" in text
    assert "| `rld-3` | no value | +0.500 | 10 |" in text
    assert "| `rld-3` | incomplete |" in text
    assert "| `phasor` | 0.45 |" in text
    assert "| `phasor` | 45.0% / 45.0% |" in text
    assert "| 1,000 | 0.4 / 2.5 ns, 0.5 | `rld-3` | no value (0%) |" in text
