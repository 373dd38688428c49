"""The numbers of the README's table of models are those of the cards."""

from pathlib import Path

from seq2seqlite.models import model_card, model_names

README = Path(__file__).parents[1] / "README.md"


def row_of(name):
    card = model_card(name)
    metrics = card["reference"]["metrics"]
    tau = metrics["lifetime"]["tau_mean_ns"]
    cells = [
        f"`{name}`",
        f"{card['cost']['parameters']:,}",
        f"{card['training']['decays'] / 1e6:.2f} M",
        *(f"{metrics[channel]['rmse']:.4f}" for channel in ("total", "short", "long")),
        f"{metrics['total']['r2']:.3f}",
        f"{tau['median_abs_error']:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def test_table_of_models_is_that_of_the_cards():
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `seq2seq")]
    assert rows == [row_of(name) for name in model_names()]
