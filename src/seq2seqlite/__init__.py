"""Fluorescence lifetime imaging with small recurrent networks designed for hardware."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seq2seqlite.version import __version__

if TYPE_CHECKING:
    from seq2seqlite.compression.model_folder import compress_model, train_model
    from seq2seqlite.imaging.frame_analysis import lifetime_map
    from seq2seqlite.io.measurement import load, read
    from seq2seqlite.io.sample_data import fetch
    from seq2seqlite.models import load_model
    from seq2seqlite.predictors import load_predictor
    from seq2seqlite.workflows.benchmark import compare_accuracy
    from seq2seqlite.workflows.evaluate import evaluate_model
    from seq2seqlite.workflows.exchange import export_model, import_model
    from seq2seqlite.workflows.image import write_lifetime_maps
    from seq2seqlite.workflows.plan import plan_acquisition
    from seq2seqlite.workflows.simulate import simulate_decays
    from seq2seqlite.workflows.stream import stream
    from seq2seqlite.workflows.study import run_study

__all__ = [
    "__version__",
    "compare_accuracy",
    "compress_model",
    "evaluate_model",
    "export_model",
    "fetch",
    "import_model",
    "lifetime_map",
    "load",
    "load_model",
    "load_predictor",
    "plan_acquisition",
    "read",
    "run_study",
    "simulate_decays",
    "stream",
    "train_model",
    "write_lifetime_maps",
]

# Imported on first use (PEP 562), so that the command line starts without the readers' packages.
_HOMES = {
    "compare_accuracy": "seq2seqlite.workflows.benchmark",
    "compress_model": "seq2seqlite.compression.model_folder",
    "evaluate_model": "seq2seqlite.workflows.evaluate",
    "export_model": "seq2seqlite.workflows.exchange",
    "fetch": "seq2seqlite.io.sample_data",
    "import_model": "seq2seqlite.workflows.exchange",
    "lifetime_map": "seq2seqlite.imaging",
    "load": "seq2seqlite.io",
    "load_model": "seq2seqlite.models",
    "load_predictor": "seq2seqlite.predictors",
    "plan_acquisition": "seq2seqlite.workflows.plan",
    "read": "seq2seqlite.io",
    "run_study": "seq2seqlite.workflows.study",
    "simulate_decays": "seq2seqlite.workflows.simulate",
    "stream": "seq2seqlite.workflows.stream",
    "train_model": "seq2seqlite.compression.model_folder",
    "write_lifetime_maps": "seq2seqlite.workflows.image",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
