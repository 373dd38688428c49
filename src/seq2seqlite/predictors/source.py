"""A predictor by name, with its IRF: created where it is needed, also in worker processes."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seq2seqlite.decay import Irf, TimeAxis
from seq2seqlite.errors import InputError
from seq2seqlite.estimators import aligned_irf, fit_irf
from seq2seqlite.files import sha256_of
from seq2seqlite.io.irf import read_irf
from seq2seqlite.predictors.native_axis import NativeAxisPredictor, native_axis
from seq2seqlite.predictors.resolve import check_backend, is_estimator, load_predictor
from seq2seqlite.predictors.response_model import ResponseModel
from seq2seqlite.protocols import Predictor, ResponsePredictor
from seq2seqlite.resources import pretrained_folder

__all__ = ["NamedSource", "predictor_source"]


@dataclass(frozen=True)
class NamedSource:
    """Source of a model or estimator by name; implements :class:`~seq2seqlite.protocols.PredictorSource`.

    Parameters
    ----------
    model : str
        Shipped model, model file, program file or estimator.
    irf_file : pathlib.Path, optional
        Measured IRF.
    irf_bin_width_ns : float, optional
        Bin width of the IRF in ns, if its file does not contain it.
    irf_range_ns : tuple of float, optional
        Part of the IRF that is used, in ns.
    digests : tuple of str, optional
        SHA-256 of the files of model and IRF; None without a file.
    threads : int, optional
        Threads of a model; default: all cores. Use 1 with one process per core.
    backend : str
        Back end, as for :func:`~seq2seqlite.predictors.load_predictor`.

    See Also
    --------
    predictor_source :
        Return the source of a predictor, after loading the model and the IRF once to check them.
    """

    model: str
    irf_file: Path | None = None
    irf_bin_width_ns: float | None = None
    irf_range_ns: tuple[float, float] | None = None
    digests: tuple[str | None, str | None] = (None, None)
    threads: int | None = None
    backend: str = "auto"

    def __getstate__(self) -> dict[str, Any]:
        """Return the pickled state: names and digests, without network and IRF."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def predictor(self, data: xr.DataArray, /) -> Predictor:
        """Return the model, or the estimator on the time axis of a measurement."""
        if self.trained is not None:
            return self._with_irf(self.trained)
        axis, decay, edge_ns = native_axis(data)
        return NativeAxisPredictor(self.on_axis(axis, decay), edge_ns)

    def on_axis(self, axis: TimeAxis, decay: NDArray[Any], /) -> Predictor:
        """Return the model, or the estimator for decays on an axis.

        Parameters
        ----------
        axis : TimeAxis
            Time axis of the decays.
        decay : ndarray, shape (n_gates,)
            Summed decay. The measured IRF is shifted to it; without one, an IRF is fitted to it.
        """
        if self.trained is not None:
            model = self._with_irf(self.trained)
            return model.on_decay(decay) if isinstance(model, ResponseModel) else model
        counts = np.asarray(decay, np.float64)
        irf = self.measured
        placed = fit_irf(counts, axis=axis) if irf is None else aligned_irf(irf, counts, axis=axis)
        return load_predictor(self.model, axis=axis, irf=placed, backend=self.backend)

    def _with_irf(self, model: Predictor) -> Predictor:
        """Return a model that uses the response together with the measured IRF; other models unchanged."""
        if self.measured is None or not isinstance(model, ResponsePredictor) or not model.uses_response:
            return model
        return ResponseModel(model, self.measured)

    def irf(self) -> Irf | None:
        """Return the measured IRF, or None."""
        return self.measured

    def described(self) -> dict[str, Any]:
        """Return everything that the result depends on: names and digests."""
        described = {
            "model": Path(self.model).name,
            "sha256": self.digests[0],
            "irf_sha256": self.digests[1],
            "irf_bin_width_ns": self.irf_bin_width_ns,
            "irf_range_ns": self.irf_range_ns,
        }
        return described if self.backend == "auto" else described | {"backend": self.backend}

    @cached_property
    def trained(self) -> Predictor | None:
        """Trained model; None for an estimator."""
        if is_estimator(self.model):
            return None
        return load_predictor(self.model, threads=self.threads, backend=self.backend)

    @cached_property
    def measured(self) -> Irf | None:
        """Selected part of the measured IRF, or None."""
        if self.irf_file is None:
            return None
        irf = read_irf(self.irf_file, bin_width_ns=self.irf_bin_width_ns)
        return irf if self.irf_range_ns is None else irf.within(*self.irf_range_ns)


def predictor_source(
    name_or_path: str | Path,
    /,
    *,
    backend: str = "auto",
    threads: int | None = None,
    irf: Path | None = None,
    irf_bin_width_ns: float | None = None,
    irf_range_ns: tuple[float, float] | None = None,
) -> NamedSource:
    """Return the source of a predictor, after loading the model and the IRF once to check them.

    Parameters
    ----------
    name_or_path, backend, threads
        As for :func:`~seq2seqlite.predictors.load_predictor`.
    irf : pathlib.Path, optional
        File of a measured IRF.
    irf_bin_width_ns, irf_range_ns
        As for :class:`NamedSource`.

    Raises
    ------
    InputError
        If the name is unknown, the model or the IRF cannot be read, or options of an IRF are given without
        one.

    See Also
    --------
    seq2seqlite.load_predictor : Return a model, an integer program or an estimator as a predictor.
    NamedSource : Source of a model or estimator by name; implements ``PredictorSource``.
    """
    model = str(name_or_path)
    check_backend(model, backend)
    for key, value in (("irf_bin_width_ns", irf_bin_width_ns), ("irf_range_ns", irf_range_ns)):
        if irf is None and value is not None:
            raise InputError(f"{key}={value} is an option of a measured IRF; pass irf as well, or omit it")
    file = Path(model)
    if not is_estimator(model) and file.is_file():
        file = file.absolute()  # a worker may have another working directory
        model = str(file)
    else:
        file = pretrained_folder() / f"{model}.npz"
    place = None if irf is None else irf.absolute()
    digests = (_digest(file), _digest(place))
    source = NamedSource(model, place, irf_bin_width_ns, irf_range_ns, digests, threads, backend)
    source.irf()
    _ = source.trained
    return source


def _digest(file: Path | None) -> str | None:
    return sha256_of(file) if file is not None and file.is_file() else None
