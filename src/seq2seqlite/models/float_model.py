"""A trained float network that predicts from counts: normalisation, network, lifetimes."""

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.decay import Lifetimes, TimeAxis, lifetimes_from_sfd, normalise_tpsf
from seq2seqlite.errors import InputError
from seq2seqlite.models.architecture import Architecture
from seq2seqlite.models.forward import predict_sfd
from seq2seqlite.models.model_file import ModelFile, read_model_file, write_model_file

__all__ = ["FloatModel"]

# Decays predicted together: the states of a batch of this size stay in the cache.
BATCH = 1024


class FloatModel:
    """A trained network in float32; fulfils the predictor protocol of :mod:`seq2seqlite.imaging`.

    Parameters
    ----------
    content : ModelFile
        Weights and what they are for.
    """

    kind = "float network"

    def __init__(self, content: ModelFile, /) -> None:
        self.content = content

    @classmethod
    def read(cls, path: str | Path, /) -> "FloatModel":
        """Read a model file."""
        return cls(read_model_file(path))

    def write(self, path: str | Path, /) -> None:
        """Write a model file."""
        write_model_file(path, self.content)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.content.name

    @property
    def architecture(self) -> Architecture:
        """Layers and cell."""
        return self.content.architecture

    @property
    def axis(self) -> TimeAxis:
        """Axis of the TPSFs that the model takes."""
        return self.content.axis

    @property
    def rising_edge_ns(self) -> float:
        """Where the model expects the rising edge, from the first gate, in ns."""
        return self.content.rising_edge_ns

    def sfd(self, tpsf: ArrayLike, /) -> NDArray[np.float32]:
        """Return the decays without IRF.

        Parameters
        ----------
        tpsf : array_like, shape (n, n_gates)
            Counts, background included.

        Returns
        -------
        ndarray of float32, shape (n, 3, n_gates)
            Channels total, short, long, relative to the total's first sample.

        Raises
        ------
        InputError
            If the number of gates is not the model's.
        """
        counts = np.asarray(tpsf)
        if counts.ndim != 2 or counts.shape[1] != self.axis.n_gates:
            raise InputError(
                f"TPSFs of shape {counts.shape} do not fit model {self.name}, which takes "
                f"(n, {self.axis.n_gates}); re-bin them"
            )
        result = np.empty((len(counts), 3, self.axis.n_gates), np.float32)
        for start in range(0, len(counts), BATCH):
            part = slice(start, start + BATCH)
            inputs = normalise_tpsf(counts[part], n_baseline=self.content.n_baseline)
            result[part] = predict_sfd(self.architecture, self.content.parameters, inputs)
        return result

    def lifetimes(self, tpsf: ArrayLike, /) -> Lifetimes:
        """Return the lifetimes of decays; parameters and errors as :meth:`sfd`, arrays of shape (n,)."""
        return lifetimes_from_sfd(self.sfd(tpsf), axis=self.axis)
