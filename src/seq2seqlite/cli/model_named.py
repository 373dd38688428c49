"""The option ``--model`` of ``image``: what predicts, by its name, wherever it is needed."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from seq2seqlite.datasets import read_irf
from seq2seqlite.decay import Irf
from seq2seqlite.estimators import ESTIMATORS, aligned_irf, estimator_named, fit_irf
from seq2seqlite.imaging import InPlace, Predictor, estimator_axis, sha256_of
from seq2seqlite.resources import pretrained_folder

__all__ = ["ModelNamed", "model_named"]


@dataclass(frozen=True)
class ModelNamed:
    """A :class:`~seq2seqlite.imaging.PredictorSource`: a model or an estimator, and a measured IRF.

    Parameters
    ----------
    model : str
        Shipped model, model file, program file or estimator.
    irf_file : pathlib.Path, optional
        Measured IRF.
    irf_bin_width_ns : float, optional
        Its bin width, where the file does not say it.
    irf_range_ns : tuple of float, optional
        Part of it that counts, in ns.
    digests : tuple of str, optional
        SHA-256 of the files of model and IRF, None where there is none.
    threads : int, optional
        Threads of a model; by default all cores. One where there is a process for each core.
    """

    model: str
    irf_file: Path | None = None
    irf_bin_width_ns: float | None = None
    irf_range_ns: tuple[float, float] | None = None
    digests: tuple[str | None, str | None] = (None, None)
    threads: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent: no network, no IRF."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def predictor(self, data: xr.DataArray, /) -> Predictor:
        """Return the model, or the estimator for a measurement's own bins with the IRF in its place."""
        if self.trained is not None:
            return self.trained
        axis, decay, edge_ns = estimator_axis(data)
        irf = self.measured
        placed = fit_irf(decay, axis=axis) if irf is None else aligned_irf(irf, decay, axis=axis)
        return InPlace(estimator_named(self.model, axis=axis, irf=placed), edge_ns)

    def irf(self) -> Irf | None:
        """Return the measured IRF."""
        return self.measured

    def described(self) -> dict[str, Any]:
        """Return what decides the result: names and digests."""
        return {
            "model": Path(self.model).name,
            "sha256": self.digests[0],
            "irf_sha256": self.digests[1],
            "irf_bin_width_ns": self.irf_bin_width_ns,
            "irf_range_ns": self.irf_range_ns,
        }

    @cached_property
    def trained(self) -> Predictor | None:
        """The model; None for an estimator."""
        if self.model in ESTIMATORS:
            return None
        from seq2seqlite.engine import load_predictor

        return load_predictor(self.model, threads=self.threads)

    @cached_property
    def measured(self) -> Irf | None:
        """The IRF, its part that counts."""
        if self.irf_file is None:
            return None
        irf = read_irf(self.irf_file, bin_width_ns=self.irf_bin_width_ns)
        return irf if self.irf_range_ns is None else irf.within(*self.irf_range_ns)


def model_named(
    model: str,
    /,
    *,
    irf: Path | None = None,
    irf_bin_width_ns: float | None = None,
    irf_range_ns: tuple[float, float] | None = None,
    threads: int | None = None,
) -> ModelNamed:
    """Return what predicts, loaded once to see that it is there.

    Raises
    ------
    InputError
        If there is no such model, or it or the IRF cannot be read.
    """
    file = Path(model)
    if file.is_file():
        file = file.absolute()  # a worker may run elsewhere
        model = str(file)
    else:
        file = pretrained_folder() / f"{model}.npz"
    place = None if irf is None else irf.absolute()
    named = ModelNamed(model, place, irf_bin_width_ns, irf_range_ns, (_digest(file), _digest(place)), threads)
    named.irf()
    if model not in ESTIMATORS:
        named.trained  # noqa: B018 - loads it
    return named


def _digest(file: Path | None) -> str | None:
    return sha256_of(file) if file is not None and file.is_file() else None
