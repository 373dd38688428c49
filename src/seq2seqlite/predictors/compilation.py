"""Compilation of a predictor before its first decay is measured."""

import numpy as np

from seq2seqlite.protocols import GateSequentialPredictor, Predictor

__all__ = ["compile_predictor"]

PEAK, TAU_NS = 1000.0, 2.0


def compile_predictor(predictor: Predictor | GateSequentialPredictor, /) -> None:
    """Compile a predictor by running it on one decay; with compiled code in the cache, this is fast.

    Parameters
    ----------
    predictor : Predictor or GateSequentialPredictor
        Predictor. One that accepts single gates must not have an open frame, and remembers the decay as its
        previous frame: pass an instance of its own.

    See Also
    --------
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.
    seq2seqlite.stream : Compiles the predictor before its source opens.
    """
    axis = predictor.axis
    late_ns = axis.starts_ns - predictor.rising_edge_ns
    decay = np.where(late_ns >= 0, PEAK * np.exp(-np.maximum(late_ns, 0) / TAU_NS), 0).astype(np.uint16)
    if not isinstance(predictor, GateSequentialPredictor):
        predictor.lifetimes(decay[None])
        return
    predictor.begin(1)
    for counts in decay:
        predictor.advance(np.full(1, counts))
    predictor.finish()
