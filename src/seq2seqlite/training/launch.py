"""Restart of Python with memory settings that speed up training on a CPU."""

import os
import sys

__all__ = ["restart_with_large_pages"]

# A step of the teacher allocates and frees hundreds of megabytes. By default glibc returns this memory to the
# kernel each time and obtains it again page by page. Keeping the memory, on huge pages, makes training 1.5 to
# 1.6 times faster (benchmarks/training_speed.py).
SETTINGS = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": str(2**34),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}
MARK = "SEQ2SEQLITE_LARGE_PAGES"


def restart_with_large_pages() -> None:
    """Restart this process with glibc's allocator tuned for training; once, on Linux only.

    glibc reads these settings when a process starts, so they cannot be changed later. Set
    ``SEQ2SEQLITE_LARGE_PAGES`` to any value to prevent the restart.
    """
    if sys.platform != "linux" or MARK in os.environ:
        return
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in os.environ})
    os.environ[MARK] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the command line of this process
