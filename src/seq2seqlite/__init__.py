"""Fluorescence lifetime imaging with small recurrent networks designed for hardware."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seq2seqlite.version import __version__

if TYPE_CHECKING:
    from seq2seqlite.compression.model_folder import compress_model, train_model
    from seq2seqlite.imaging.frame_analysis import lifetime_map
    from seq2seqlite.io.measurement import load, read
    from seq2seqlite.models import load_model
    from seq2seqlite.predictors import load_predictor
    from seq2seqlite.sample_data import fetch

__all__ = [
    "__version__",
    "compress_model",
    "fetch",
    "lifetime_map",
    "load",
    "load_model",
    "load_predictor",
    "read",
    "train_model",
]

# Imported on first use (PEP 562), so that the command line starts without the readers' packages.
_HOMES = {
    "compress_model": "seq2seqlite.compression.model_folder",
    "fetch": "seq2seqlite.sample_data",
    "lifetime_map": "seq2seqlite.imaging",
    "load": "seq2seqlite.io",
    "load_model": "seq2seqlite.models",
    "load_predictor": "seq2seqlite.predictors",
    "read": "seq2seqlite.io",
    "train_model": "seq2seqlite.compression.model_folder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
