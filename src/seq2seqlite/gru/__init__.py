"""One GRU layer of a ``lite`` cell, compiled with Numba: last state, sequence, gradient, and direct networks.

- :mod:`~seq2seqlite.gru.gradient`: forward and backward pass over a sequence, for training on CPUs
- :mod:`~seq2seqlite.gru.direct_engine`: predictions of direct networks
"""

from seq2seqlite.gru.direct_engine import DirectEngine

__all__ = ["DirectEngine"]
