"""Description of a float network that a back end compiles."""

from seq2seqlite.decay import TimeAxis
from seq2seqlite.models import Network

__all__ = ["NetworkBackEnd"]


class NetworkBackEnd:
    """Base of the compiled back ends of a float network: what they have in common with the network.

    Parameters
    ----------
    network : Network
        The network.
    """

    def __init__(self, network: Network, /) -> None:
        self.network = network

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.network.name

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs that the model accepts."""
        return self.network.axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns."""
        return self.network.rising_edge_ns

    @property
    def instrument(self) -> str:
        """Name of the instrument that the model was trained for."""
        return self.network.instrument

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes that the model was trained for, in ns; None if it is unknown."""
        return self.network.tau_range_ns

    @property
    def max_background(self) -> float | None:
        """Largest share of background in the counts in the training; None if it does not matter."""
        return self.network.max_background

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors of the predictions."""
        return self.network.error_maps

    @property
    def uses_response(self) -> bool:
        """Whether the response of the instrument is an input of the network."""
        return self.network.uses_response

    @property
    def response_given(self) -> bool:
        """Whether the network has the response of the decays."""
        return self.network.response_given

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return self.network.n_parameters
