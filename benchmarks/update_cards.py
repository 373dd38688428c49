"""Recompute the reference metrics in the cards of the shipped models.

    python benchmarks/update_cards.py [NAME ...]

Needed after a change of the metrics in :mod:`seq2seqlite.evaluation.metrics`. It replaces the metrics
only, and refuses to if the reference set is not the one that the card names. A student
takes some seconds, a teacher about a minute. ``tests/training/test_cards.py`` checks the result.
"""

import argparse
import functools

from seq2seqlite.evaluation.networks import REFERENCE_DECAYS
from seq2seqlite.json_text import json_text
from seq2seqlite.models import load_model, model_card, model_names
from seq2seqlite.resources import pretrained_folder
from seq2seqlite.simulation.decay_set import DecaySet, reference_set
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.training.card import FIRST_DECAYS, reference_metrics


@functools.cache
def reference(instrument: str) -> DecaySet:
    """Return the reference set of an instrument."""
    return reference_set(instrument, n=REFERENCE_DECAYS)


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
    for name in parser.parse_args().names or model_names():
        update_card(name)


if __name__ == "__main__":
    main()
