"""Predictors for images whose pixels have different responses."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.decay import FitModel, Irf, IrfBank, Lifetimes, Quantities, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.protocols import (
    BackgroundPredictor,
    Predictor,
    error_maps,
    fit_model,
    quantities,
    tau_range_ns,
    uses_background,
)

__all__ = ["PixelBank"]


@dataclass(frozen=True, eq=False)
class PixelBank:
    """One predictor for each response of a bank; implements :class:`~seq2seqlite.protocols.PixelPredictor`.

    Parameters
    ----------
    bank : IrfBank
        Responses, and the index of each pixel.
    members : tuple of Predictor
        Predictors with these responses.

    See Also
    --------
    PixelBank.of : Bank of predictors from a function.
    seq2seqlite.decay.IrfBank : Bank of responses.
    """

    bank: IrfBank
    members: tuple[Predictor, ...]

    @classmethod
    def of(cls, irf: Irf, predictor_of: Callable[[Irf], Predictor], /) -> Predictor:
        """Return the predictor of a response, or of all responses of a bank."""
        if not isinstance(irf, IrfBank):
            return predictor_of(irf)
        return cls(irf, tuple(predictor_of(one) for one in irf.irfs))

    @property
    def name(self) -> str:
        """Name of the model or estimator."""
        return self.members[0].name

    @property
    def kind(self) -> str:
        """Kind of the model or estimator, with the number of responses."""
        return f"{self.members[0].kind}, {len(self.members)} responses"

    @property
    def axis(self) -> TimeAxis:
        """Time axis of the TPSFs."""
        return self.members[0].axis

    @property
    def rising_edge_ns(self) -> float:
        """Required position of the rising edge, in ns: that of the mean response."""
        return float(self.bank.weights @ np.array([member.rising_edge_ns for member in self.members]))

    @property
    def image_shape(self) -> tuple[int, int]:
        """Shape (Y, X) of the image."""
        return self.bank.shape

    @property
    def tau_range_ns(self) -> tuple[float, float] | None:
        """Range of the lifetimes, in ns; None if it is unknown."""
        return tau_range_ns(self.members[0])

    @property
    def irf(self) -> Irf:
        """Mean response of the pixels."""
        return self.bank

    @property
    def quantities(self) -> Quantities:
        """Quantities that each member determines."""
        return quantities(self.members[0])

    @property
    def fit_model(self) -> FitModel:
        """Model that is fitted to summed decays."""
        return fit_model(self.members[0])

    @property
    def error_maps(self) -> tuple[str, ...]:
        """Standard errors of the predictions."""
        return error_maps(self.members[0])

    def lifetimes(self, tpsf: NDArray[Any], /) -> Lifetimes:
        """Return the lifetimes of all pixels of the image, shape (Y * X, n_gates)."""
        if len(tpsf) != self.bank.index.size:
            raise InputError(f"{self.name} has responses for {self.bank.index.size} pixels, not {len(tpsf)}")
        return self.lifetimes_at(tpsf, np.arange(len(tpsf)))

    def lifetimes_at(self, tpsf: NDArray[Any], pixels: NDArray[np.intp], /) -> Lifetimes:
        """Return the lifetimes of some pixels.

        Parameters
        ----------
        tpsf : ndarray, shape (n, n_gates)
            Counts.
        pixels : ndarray of int, shape (n,)
            Flat indices of the pixels in the image.
        """
        return self._joined(tpsf, pixels, lambda member, own: member.lifetimes(tpsf[own]))

    @property
    def uses_background(self) -> bool:
        """Whether each member uses a known background of each pixel."""
        return uses_background(self.members[0])

    def lifetimes_above(
        self, tpsf: NDArray[Any], background: NDArray[Any], pixels: NDArray[np.intp], /
    ) -> Lifetimes:
        """Return the lifetimes of some pixels above a known background, if the members use it."""

        def of_member(member: Predictor, own: NDArray[np.intp]) -> Lifetimes:
            assert isinstance(member, BackgroundPredictor), "uses_background is False"
            return member.lifetimes_above(tpsf[own], background[own], pixels[own])

        return self._joined(tpsf, pixels, of_member)

    def _joined(
        self,
        tpsf: NDArray[Any],
        pixels: NDArray[np.intp],
        of_member: Callable[[Predictor, NDArray[np.intp]], Lifetimes],
    ) -> Lifetimes:
        """Return the lifetimes of all pixels, each group of one response by its member."""
        parts = [(own, of_member(self.members[number], own)) for number, own in self.bank.groups(pixels)]
        if not parts:
            return self.members[0].lifetimes(tpsf)
        first = parts[0][1]
        joined: dict[str, Any] = {}
        for field in fields(first):
            value = getattr(first, field.name)
            if value is not None:
                value = np.empty((len(tpsf), *value.shape[1:]), value.dtype)
                for own, found in parts:
                    value[own] = getattr(found, field.name)
            joined[field.name] = value
        return type(first)(**joined)
