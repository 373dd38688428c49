"""Recompute the reference metrics in the cards of the shipped models.

    python benchmarks/update_cards.py [--bound] [NAME ...]

With ``--bound``: the RMSE of the mean lifetime over the Cramér-Rao bound instead, by which
``hardware explore`` compares students. It is that of ``benchmark accuracy``, about a minute a model.

Needed after a change of the metrics in :mod:`seq2seqlite.evaluation.metrics`. It replaces the metrics
only, and refuses to if the reference set is not the one that the card names. A student
takes some seconds, a teacher about a minute. ``tests/training/test_cards.py`` checks the result.
"""

import argparse
import functools
from collections.abc import Sequence

import numpy as np

from seq2seqlite import compare_accuracy
from seq2seqlite.evaluation.networks import REFERENCE_DECAYS
from seq2seqlite.json_text import json_text
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.resources import pretrained_folder
from seq2seqlite.simulation.decay_set import DecaySet, reference_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.card import FIRST_DECAYS, reference_metrics

PHOTONS, REPEATS = 1000.0, 1000
LIFETIMES_NS = (0.5, 2.5)
"""Range of the lifetimes for which the error over the bound is stated."""


@functools.cache
def reference(instrument: str) -> DecaySet:
    """Return the reference set of an instrument."""
    return reference_set(instrument, n=REFERENCE_DECAYS)


def update_bounds(names: Sequence[str]) -> None:
    """Recompute the errors over the bound of shipped models and write them into their cards."""
    cards = {name: model_card(name) for name in names}
    for instrument in sorted({card["instrument"]["name"] for card in cards.values()}):
        own = [name for name, card in cards.items() if card["instrument"]["name"] == instrument]
        rows = compare_accuracy(instrument, own, photons=[PHOTONS], repeats=REPEATS).rows
        for name in own:
            chosen = [
                row
                for row in rows
                if row["predictor"] == name and LIFETIMES_NS[0] <= row["tau_ns"] <= LIFETIMES_NS[1]
            ]
            cards[name]["reference"]["rmse_over_bound"] = {
                "photons": PHOTONS,
                "repeats": REPEATS,
                "response": chosen[0]["response"],
                "median": round(float(np.median([row["rmse_over_crlb"] for row in chosen])), 4),
            }
            (pretrained_folder() / f"{name}.json").write_text(json_text(cards[name]), encoding="utf-8")
            print(name, cards[name]["reference"]["rmse_over_bound"], flush=True)


def update_card(name: str) -> None:
    """Recompute the reference metrics of a shipped model and write them into its card."""
    card = model_card(name)
    data = reference(card["instrument"]["name"])
    if card["reference"]["sha256"] != data.sha256:
        raise SystemExit(f"{name}: the reference set differs from that of the card; train the model again")
    network, instrument = load_model(name), load_instrument(card["instrument"]["name"])
    card["reference"] |= reference_metrics(network, instrument, data)
    first = reference_set(instrument.name, n=FIRST_DECAYS)
    card["reference"]["first"] = reference_metrics(network, instrument, first)
    (pretrained_folder() / f"{name}.json").write_text(json_text(card), encoding="utf-8")
    metrics = card["reference"]["metrics"]
    print(name, *(f"{channel} R2 {metrics[channel]['r2']:.4f}" for channel in ("total", "short", "long")))


def main() -> None:
    """Update the cards of the named models, by default of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="shipped model; default: all")
    parser.add_argument("--bound", action="store_true", help="error over the bound instead of the metrics")
    arguments = parser.parse_args()
    names = arguments.names or model_names()
    if arguments.bound:
        update_bounds(names)
        return
    for name in names:
        update_card(name)


if __name__ == "__main__":
    main()
