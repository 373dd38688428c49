"""Checks of available memory and disk space before large allocations."""

import hashlib
import io
import os
import shutil
from pathlib import Path

from seq2seqlite.errors import InputError

__all__ = ["BoundedFile", "available_memory", "require_disk", "require_memory"]

MEMINFO = Path("/proc/meminfo")
UNKNOWN = 2**33
"""Assumed memory if the operating system does not report it: 8 GiB."""


class BoundedFile(io.BufferedReader):
    """Binary file that allocates no more than what is left of the file, whatever length is requested.

    See Also
    --------
    require_memory : Raise InputError unless the memory is available.
    """

    def __init__(self, path: Path, /) -> None:
        super().__init__(io.FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most ``size`` bytes."""
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))

    def sha256(self) -> str:
        """Return the SHA-256 of the file, without opening it again; the position is kept."""
        position = self.tell()
        self.seek(0)
        digest = hashlib.sha256()
        while chunk := self.read(1 << 20):
            digest.update(chunk)
        self.seek(position)
        return digest.hexdigest()


def available_memory() -> int:
    """Return the available memory in bytes.

    See Also
    --------
    require_memory : Raise InputError unless the memory is available.
    """
    try:
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return UNKNOWN


def require_memory(n_bytes: int, /, *, what: str, remedy: str) -> None:
    """Raise InputError unless the memory is available.

    Parameters
    ----------
    n_bytes : int
        Required memory in bytes.
    what : str
        Operation that needs the memory; start of the error message.
    remedy : str
        Remedy; end of the error message.

    See Also
    --------
    available_memory : Return the available memory in bytes.
    require_disk : Raise InputError unless the disk space for a file is available.

    Examples
    --------
    >>> require_memory(2**70, what="an array of 1e9 x 1e12 counts", remedy="read a part")
    Traceback (most recent call last):
    seq2seqlite.errors.InputError: an array of 1e9 x 1e12 counts needs 1.1e+12 GiB of memory; ...
    """
    available = available_memory()
    if n_bytes > available:
        raise InputError(
            f"{what} needs {n_bytes / 2**30:.3g} GiB of memory; {available / 2**30:.3g} GiB are available: "
            f"{remedy}"
        )


def require_disk(n_bytes: int, path: Path, /, *, what: str, remedy: str) -> None:
    """Raise InputError unless the disk space for a file is available.

    Parameters
    ----------
    n_bytes : int
        Required disk space in bytes.
    path : pathlib.Path
        File to write; the space is that of its nearest existing parent folder.
    what, remedy : str
        See :func:`require_memory`.

    See Also
    --------
    require_memory : Raise InputError unless the memory is available.
    """
    folder = path.absolute().parent
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise InputError(
            f"{what} needs {n_bytes / 2**30:.3g} GiB of disk space; {folder} has {free / 2**30:.3g} GiB: "
            f"{remedy}"
        )
