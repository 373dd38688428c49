"""Direct networks on the CPU back end."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seq2seqlite.cpu.network_back_end import NetworkBackEnd
from seq2seqlite.cpu.packing import UnfitError
from seq2seqlite.cpu.predictors import available_threads
from seq2seqlite.decay import LifetimesWithErrors, counts_for
from seq2seqlite.gru.gradient import Saved, lite_last_state
from seq2seqlite.models import Network, direct_lifetimes

__all__ = ["DirectEngine"]

# Decays predicted together: their activations take some tens of megabytes.
BATCH = 1024


class DirectEngine(NetworkBackEnd):
    """Direct network compiled for this CPU; equals its :class:`~seq2seqlite.models.Network` up to rounding.

    Parameters
    ----------
    network : Network
        Direct network of one layer with ``lite`` cells.
    threads : int, optional
        Number of threads; by default one per core available to this process.

    Raises
    ------
    UnfitError
        If the network is another one.

    See Also
    --------
    seq2seqlite.cpu.predictors.NetworkEngine : The same for networks with a decoder.
    """

    def __init__(self, network: Network, /, *, threads: int | None = None) -> None:
        architecture = network.architecture
        if not architecture.direct or len(architecture.layers) != 1 or architecture.cell != "lite":
            raise UnfitError(f"model {network.name} is not a direct network of one layer with 'lite' cells")
        super().__init__(network)
        self._asked, self.threads = threads, available_threads(threads)
        names = ("kernel", "recurrent_kernel", "bias")
        kernel, recurrent, bias = (network.content.parameters[f"encoder/0/{name}"] for name in names)
        self._weights = kernel, recurrent, bias

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the network; the layout of its weights depends on the CPU."""
        return partial(DirectEngine, threads=self._asked), (self.network,)

    @property
    def kind(self) -> str:
        """Kind of network and back end."""
        return f"{self.network.kind}, CPU back end"

    @property
    def direct(self) -> bool:
        """Whether the network predicts lifetimes and not a decay without IRF: True."""
        return True

    def with_response(self, response: ArrayLike | None, /) -> "DirectEngine":
        """Return this predictor for decays of another response; see :meth:`Network.with_response`."""
        return DirectEngine(self.network.with_response(response), threads=self._asked)

    def lifetimes(self, tpsf: ArrayLike, /) -> LifetimesWithErrors:
        """Return lifetimes and their errors, shape (n,), for counts of shape (n, n_gates)."""
        counts = counts_for(tpsf, axis=self.axis, name=self.name)
        content = self.network.content
        kernel, bias = content.parameters["head/kernel"], content.parameters["head/bias"]
        outputs = np.empty((len(counts), bias.size), np.float32)
        dark = np.empty(len(counts), np.bool_)
        saved: Saved | None = None
        for start in range(0, len(counts), BATCH):
            part = slice(start, start + BATCH)
            inputs = self.network.input_columns(counts[part])
            dark[part] = np.ptp(inputs[..., 0], axis=1) == 0  # no counts, or the same in all gates
            states, saved = lite_last_state(
                inputs.transpose(1, 0, 2),
                *self._weights,
                np.zeros((len(inputs), kernel.shape[0]), np.float32),
                threads=self.threads,
                reuse=saved,
            )
            # Sums in the same order for every number of decays: results do not depend on the batch.
            outputs[part] = np.einsum("nu,uo->no", states, kernel) + bias
        return direct_lifetimes(
            outputs, counts=counts, content=content, response_given=self.response_given
        ).without(dark)
