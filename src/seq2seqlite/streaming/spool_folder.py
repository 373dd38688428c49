"""Source of the frames that a camera writes as files to a folder."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import xarray as xr

from seq2seqlite.errors import InputError
from seq2seqlite.streaming.sources import Clock, Frame, Spoilt

__all__ = ["END", "SpoolFolder"]

# Name of the file that ends the stream, after all other files are read.
END = "END"
# Polling interval in seconds. A file that is unchanged after one interval is complete.
POLL_S = 0.2
# Names of incomplete files.
UNFINISHED = re.compile(r"^\.|\.(tmp|part|partial|writing)$|~$", re.IGNORECASE)


class SpoolFolder:
    """Source of frames from the files in a folder, in the order of the numbers in their names.

    Parameters
    ----------
    folder : pathlib.Path
        Folder to which a camera program writes one file per frame. Existing files are read first.
    read : callable
        Function that reads a file, e.g. :func:`seq2seqlite.io.read`.
    suffixes : tuple of str
        Suffixes of frames; other files are ignored.
    poll_s : float
        Polling interval, in s.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        If the folder does not exist.

    See Also
    --------
    GrowingPtu : Source of the frames of a PicoQuant T3 image during its recording.
    ReplayedFrames : Source that replays frames in memory, once or repeatedly.

    Notes
    -----
    A file is complete when its size and modification time are unchanged after one polling interval. Programs
    that write a temporary file and rename it are safe at any write speed. Names that begin with a dot or end
    in ``.tmp``, ``.part``, ``.partial``, ``.writing`` or ``~`` are ignored. A file is read when the queue has
    space for it; until then, the disk is the buffer. A frame arrives when its file is found to be complete,
    so that its latency includes the time behind earlier files. Unreadable files are reported and counted. A
    file named ``END`` ends the stream.
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
            raise InputError(f"{folder} is not a folder; create it before starting the stream")
        self.folder, self.read, self.suffixes, self.name = folder, read, suffixes, str(folder)
        self.poll_s, self._clock = poll_s, clock or Clock()

    def __iter__(self) -> Iterator[Frame | Spoilt]:
        taken: set[str] = set()
        sizes: dict[str, tuple[int, int]] = {}
        number = 0
        while True:
            ended = (self.folder / END).exists()  # checked before the files, which are all written before END
            found = self._files(taken)
            arrived_s = self._clock.now()
            for file in [file for file, size in found.items() if ended or sizes.get(file.name) == size]:
                taken.add(file.name)
                yield self._frame(number, file, arrived_s)
                number += 1
            sizes = {file.name: size for file, size in found.items()}
            if ended or self._clock.wait(self.poll_s):
                return

    def stop(self) -> None:
        self._clock.stop()

    def _frame(self, number: int, file: Path, arrived_s: float) -> Frame | Spoilt:
        try:
            data = self.read(file)
        except (InputError, OSError) as error:
            return Spoilt(number, arrived_s, str(error))
        return Frame(number, arrived_s, data, file.name)

    def _files(self, taken: set[str]) -> dict[Path, tuple[int, int]]:
        """Return the size and modification time of each new file, in order."""
        found: dict[Path, tuple[int, int]] = {}
        for file in self.folder.iterdir():
            if file.name in taken or file.suffix.lower() not in self.suffixes or UNFINISHED.search(file.name):
                continue
            try:
                state = file.stat()
            except FileNotFoundError:  # renamed in the meantime
                continue
            found[file] = (state.st_size, state.st_mtime_ns)
        return {file: found[file] for file in sorted(found, key=_natural)}


def _natural(file: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders frame-9 before frame-10."""
    parts = re.split(r"(\d+)", file.name)
    return tuple((1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts)
