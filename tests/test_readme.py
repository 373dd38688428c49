"""The tables of models in README and guide list all shipped models, with the numbers of their cards."""

import re
from pathlib import Path

from seq2seqlite.models import model_card, model_names

README = Path(__file__).parents[1] / "README.md"
GUIDE = README.parent / "docs" / "how-to" / "choose-a-model.md"


def gets_response(name):
    return "metrics_response_given" in model_card(name)["reference"]


def row_with_response(name):
    card = model_card(name)
    given, blind = card["reference"]["metrics_response_given"], card["reference"]["metrics"]
    cells = [
        f"`{name}`",
        f"{card['cost']['parameters']:,}",
        f"{card['cost']['mean_weight_bits']:.1f}",
        "" if card["cost"]["lut_estimate"] is None else f"{card['cost']['lut_estimate']:,}",
        f"{card['training']['decays'] / 1e6:.2f} M",
        *(f"{metrics['total']['rmse']:.4f}" for metrics in (given, blind)),
        *(f"{metrics['lifetime']['tau_mean_ns']['median_abs_error']:.3f}" for metrics in (given, blind)),
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def row_of(name):
    if gets_response(name):
        return row_with_response(name)
    card = model_card(name)
    cost, metrics = card["cost"], card["reference"]["metrics"]
    teacher = model_card(f"seq2seq-{card['instrument']['name']}-float")["reference"]["metrics"]
    cells = [
        f"`{name}`",
        f"{cost['parameters']:,}",
        f"{cost['mean_weight_bits']:.1f}",
        "" if cost["lut_estimate"] is None else f"{cost['lut_estimate']:,}",
        f"{card['training']['decays'] / 1e6:.2f} M",
        *(f"{metrics[channel]['rmse']:.4f}" for channel in ("total", "short", "long")),
        f"{metrics['total']['rmse'] / teacher['total']['rmse']:.3f}",
        f"{metrics['lifetime']['tau_mean_ns']['median_abs_error']:.3f}",
    ]
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def test_table_of_models_is_that_of_the_cards():
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `seq2seq")]
    names = sorted(model_names(), key=lambda name: (gets_response(name), name))
    assert rows == [row_of(name) for name in names]


def test_guide_lists_all_models():
    listed = re.findall(r"`(seq2seq[\w-]+-(?:float|int8|kd|narrow|tiny))`", GUIDE.read_text(encoding="utf-8"))
    assert set(listed) == set(model_names())
