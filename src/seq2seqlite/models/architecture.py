"""Network architecture: layers, cell variant and parameter shapes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import CHANNELS
from seq2seqlite.errors import InputError

__all__ = [
    "CELLS",
    "DIRECT_OUTPUTS",
    "OUTPUTS",
    "SEQ2SEQ",
    "SEQ2SEQLITE",
    "Architecture",
    "Parameters",
    "initial_parameters",
]

Parameters = dict[str, NDArray[np.float32]]

CELLS = ("standard", "lite")
MAX_INPUTS = 16
OUTPUTS = ("sfd", "lifetimes")
DIRECT_OUTPUTS = ("tau_mean_ns", "tau_short_ns", "tau_long_ns", "amplitude_fraction")
"""Quantities of a direct network; its head has these, and then the logarithm of the error of each."""


@dataclass(frozen=True)
class Architecture:
    """A recurrent network from a normalised TPSF to the three channels of the SFD, or directly to lifetimes.

    Parameters
    ----------
    layers : tuple of int
        Number of units of each GRU layer; encoder and decoder have equal layers.
    cell : str
        ``standard``: reset gate after the recurrent product, sigmoid and tanh (Seq2Seq; the cell of cuDNN and
        Keras). ``lite``: reset gate before the recurrent product, hard sigmoid and hard tanh (Seq2SeqLite;
        the cell suited to hardware).
    n_inputs : int
        Number of inputs per gate: the TPSF, and columns computed from the response.
    output : str
        ``sfd``: an encoder and a decoder, as in the paper. ``lifetimes``: a direct network, whose head maps
        the last state of the encoder to :data:`DIRECT_OUTPUTS` and the logarithms of their errors.

    See Also
    --------
    initial_parameters : Return random parameters with the initialisers of Keras.
    Network : Trained network, float or quantised; implements ``SfdPredictor``.

    Notes
    -----
    The encoder reads one time gate per step. The final state of each encoder layer is the initial state of
    the corresponding decoder layer. The input of the decoder's first layer is zero at every step, as in the
    paper, so its input kernel (3 x units weights) has no effect. The kernel is counted, because the paper's
    6,627 and 299,139 parameters include it, and stored in the file, but no implementation evaluates it.

    Examples
    --------
    >>> Architecture((128, 128), "standard").n_parameters, Architecture((32,), "lite").n_parameters
    (299139, 6627)
    """

    layers: tuple[int, ...]
    cell: str
    n_inputs: int = 1
    output: str = "sfd"

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise InputError(f"output={self.output!r} is unknown; choose one of {', '.join(OUTPUTS)}")
        if not 1 <= self.n_inputs <= MAX_INPUTS:
            raise InputError(f"n_inputs={self.n_inputs} must be between 1 and {MAX_INPUTS}")
        if self.cell not in CELLS:
            raise InputError(f"cell={self.cell!r} is unknown; choose one of {', '.join(CELLS)}")
        if not self.layers or any(units < 1 for units in self.layers):
            raise InputError(
                f"layers={list(self.layers)} must have one or more numbers of units > 0, e.g. [32]"
            )

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter array.

        The columns of kernels are update gate (z), reset gate (r) and candidate (c), as in Keras. A
        ``standard`` cell has two biases per gate: one for the input and one for the recurrent product.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        for part in ("encoder",) if self.direct else ("encoder", "decoder"):
            inputs = self.n_inputs if part == "encoder" else 1
            for index, units in enumerate(self.layers):
                prefix = f"{part}/{index}"
                shapes[f"{prefix}/kernel"] = (inputs, 3 * units)
                shapes[f"{prefix}/recurrent_kernel"] = (units, 3 * units)
                shapes[f"{prefix}/bias"] = (2, 3 * units) if self.cell == "standard" else (3 * units,)
                inputs = units
        n_outputs = 2 * len(DIRECT_OUTPUTS) if self.direct else len(CHANNELS)
        shapes["head/kernel"] = (self.layers[-1], n_outputs)
        shapes["head/bias"] = (n_outputs,)
        return shapes

    @property
    def direct(self) -> bool:
        """Whether the network has no decoder and predicts lifetimes."""
        return self.output == "lifetimes"

    @property
    def n_parameters(self) -> int:
        """Number of parameters, including the decoder's unused input kernel."""
        return sum(math.prod(shape) for shape in self.parameter_shapes.values())

    def macs_per_decay(self, n_gates: int, /) -> int:
        """Return the multiply-accumulates per decay of ``n_gates`` gates; the unused kernel has none."""
        shapes = self.parameter_shapes
        kernels = sum(math.prod(shape) for name, shape in shapes.items() if "kernel" in name)
        if not self.direct:
            return n_gates * (kernels - math.prod(shapes["decoder/0/kernel"]))
        head = math.prod(shapes["head/kernel"])  # applied once
        return n_gates * (kernels - head) + head


SEQ2SEQ = Architecture((128, 128), "standard")
SEQ2SEQLITE = Architecture((32,), "lite")


def initial_parameters(architecture: Architecture, /, *, seed: int) -> Parameters:
    """Return random parameters with the initialisers of Keras.

    Kernels are Glorot-uniform, recurrent kernels are orthogonal, and biases are zero.

    Parameters
    ----------
    architecture : Architecture
        Layers and cell.
    seed : int
        Seed of the random numbers.

    See Also
    --------
    Architecture.parameter_shapes : Names and shapes of the parameters.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(17,)))
    parameters: Parameters = {}
    for name, shape in architecture.parameter_shapes.items():
        if name.endswith("bias"):
            value = np.zeros(shape)
        elif name.endswith("recurrent_kernel"):
            q, r = np.linalg.qr(rng.normal(size=(shape[1], shape[0])))
            value = (q * np.sign(np.diag(r))).T
        else:
            limit = math.sqrt(6 / sum(shape))
            value = rng.uniform(-limit, limit, size=shape)
        parameters[name] = value.astype(np.float32)
    return parameters
