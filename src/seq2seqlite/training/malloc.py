"""Settings of glibc's allocator that make training on a CPU faster."""

import os
import sys

__all__ = ["MALLOC_SETTINGS", "malloc_hint"]

# A step of the teacher allocates and frees hundreds of megabytes. By default glibc returns them to the
# kernel each time and requests them again page by page; keeping them, on huge pages, makes training 1.5 to
# 1.6 times faster (benchmarks/training_speed.py).
MALLOC_SETTINGS = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": str(2**34),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""Environment variables for processes that train. glibc reads them when a process starts."""


def malloc_hint() -> str | None:
    """Return how to start training faster, or None if the settings are in place or do not apply.

    Examples
    --------
    >>> hint = malloc_hint()
    >>> hint is None or "GLIBC_TUNABLES" in hint
    True
    """
    if sys.platform != "linux" or all(name in os.environ for name in MALLOC_SETTINGS):
        return None
    settings = " ".join(f"{name}={value}" for name, value in MALLOC_SETTINGS.items())
    return f"training is about 1.5 times faster when started with: env {settings}"
