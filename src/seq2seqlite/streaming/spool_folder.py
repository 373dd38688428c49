"""A spool folder: each new file is a frame."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Clock, Frame, Spoilt

__all__ = ["END", "SpoolFolder"]

# A file of this name ends the stream, once all others are read.
END = "END"
# Seconds between two looks into the folder. A file that has not grown from one to the next is complete.
POLL_S = 0.2
# Names of files that are being written.
UNFINISHED = re.compile(r"^\.|\.(tmp|part|partial|writing)$|~$", re.IGNORECASE)


class SpoolFolder:
    """Files as they appear in a folder, in the order of the numbers in their names.

    Parameters
    ----------
    folder : pathlib.Path
        Where a camera's program writes one file a frame; what lies there already comes first.
    read : callable
        Reads a file, e.g. :func:`seq2seqlite.io.measurement`.
    suffixes : tuple of str
        Files of other suffixes are no frames.
    poll_s : float
        Seconds between two looks.
    clock : Clock, optional
        Time.

    Raises
    ------
    InputError
        If there is no such folder.

    Notes
    -----
    A file is complete when its size and date are the same at two looks; programs that write to another name
    and rename are safe at any speed. Names that begin with a dot or end in ``.tmp``, ``.part``, ``.partial``,
    ``.writing`` or ``~`` are not looked at. A file is read when the queue has room for it: till then the disk
    is the buffer. One that cannot be read is reported and counted. The file ``END`` ends the stream.
    """

    def __init__(
        self,
        folder: Path,
        read: Callable[[Path], xr.DataArray],
        /,
        *,
        suffixes: tuple[str, ...],
        poll_s: float = POLL_S,
        clock: Clock | None = None,
    ) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder; make it before the stream begins")
        self.folder, self.read, self.suffixes, self.name = folder, read, suffixes, str(folder)
        self.poll_s, self._clock = poll_s, clock or Clock()

    def __iter__(self) -> Iterator[Frame | Spoilt]:
        taken: set[str] = set()
        sizes: dict[str, tuple[int, int]] = {}
        number = 0
        while True:
            ended = (self.folder / END).exists()  # before the files: whoever writes it has written them
            found = self._files(taken)
            for file in [file for file, size in found.items() if ended or sizes.get(file.name) == size]:
                taken.add(file.name)
                yield self._frame(number, file)
                number += 1
            sizes = {file.name: size for file, size in found.items()}
            if ended or self._clock.wait(self.poll_s):
                return

    def stop(self) -> None:
        self._clock.stop()

    def _frame(self, number: int, file: Path) -> Frame | Spoilt:
        try:
            data = self.read(file)
        except (InputError, OSError) as error:
            return Spoilt(number, self._clock.now(), str(error))
        return Frame(number, self._clock.now(), data)

    def _files(self, taken: set[str]) -> dict[Path, tuple[int, int]]:
        """Return size and date of each new file, in order."""
        found: dict[Path, tuple[int, int]] = {}
        for file in self.folder.iterdir():
            if file.name in taken or file.suffix.lower() not in self.suffixes or UNFINISHED.search(file.name):
                continue
            try:
                state = file.stat()
            except FileNotFoundError:  # renamed since
                continue
            found[file] = (state.st_size, state.st_mtime_ns)
        return {file: found[file] for file in sorted(found, key=_natural)}


def _natural(file: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a key that puts frame-9 before frame-10."""
    parts = re.split(r"(\d+)", file.name)
    return tuple((1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts)
