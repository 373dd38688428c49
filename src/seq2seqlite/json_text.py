"""Conversion of results to standard JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["json_text"]


def json_text(result: Mapping[str, Any] | Sequence[Any], /) -> str:
    """Return a result as standard JSON.

    NumPy scalars and arrays become numbers and lists, and paths become strings. NaN and infinity, which JSON
    does not support, become null.

    Examples
    --------
    >>> print(json_text({"n": np.int64(2), "median": float("nan")}))
    {
      "n": 2,
      "median": null
    }
    <BLANKLINE>
    """
    return json.dumps(_plain(result), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PathLike):
        return str(Path(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
