"""Starting Python so that training is fast on a CPU."""

import os
import sys

__all__ = ["restart_with_large_pages"]

# A step of the teacher allocates and frees hundreds of megabytes. By default glibc gives them back to the
# kernel each time and takes them again page by page; keeping them, on huge pages, makes training 1.5 to 1.6
# times faster (benchmarks/training_speed.py).
SETTINGS = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": str(2**34),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}
MARK = "SEQ2SEQLITE_LARGE_PAGES"


def restart_with_large_pages() -> None:
    """Replace this process by itself with glibc's allocator set for training; once, on Linux only.

    glibc reads these settings at the start of a process, so they cannot be made later. Set
    ``SEQ2SEQLITE_LARGE_PAGES`` to anything to keep the process as it is.
    """
    if sys.platform != "linux" or MARK in os.environ:
        return
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in os.environ})
    os.environ[MARK] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line again
