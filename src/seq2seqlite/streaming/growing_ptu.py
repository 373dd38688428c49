"""A PTU file that is still being written: each frame as soon as its last record is there."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.declared_sizes import check_ptu_tags
from seq2seqlite.io.photon_counting import signal_from_ptu
from seq2seqlite.io.read_options import ReadOptions
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.streaming.sources import Clock, Frame, Spoilt

__all__ = ["GrowingPtu"]

MAGIC = b"PQTTTR"
# Seconds between two looks at the file.
POLL_S = 0.2
# Records read and decoded at a time, of 4 bytes each: 16 MB decoded.
RECORDS_AT_ONCE = 1 << 20
# More records without a frame marker are no image that is recorded frame by frame.
MOST_RECORDS = 1 << 26
RECORD_BYTES = 4


class GrowingPtu:
    """The frames of a PicoQuant T3 image that is being recorded.

    Parameters
    ----------
    path : pathlib.Path
        File; it may not exist yet.
    options : ReadOptions
        Channel and axis, as for a finished file.
    poll_s : float
        Seconds between two looks.
    clock : Clock, optional
        Time.

    Raises
    ------
    InputError
        If the file is none that can be followed.

    Notes
    -----
    Only what was appended is read. ptufile finds the frame markers in it and decodes the records of one frame
    behind the file's header, as if they were a file: where in its line a photon lies needs no earlier record.
    So what is held is one frame. The stream ends when the header, which the recorder completes at the end,
    says that no record is to come; a frame that is not whole then is reported and counted.
    """

    def __init__(
        self, path: Path, options: ReadOptions, /, *, poll_s: float = POLL_S, clock: Clock | None = None
    ) -> None:
        if path.suffix.lower() != ".ptu":
            raise InputError(f"{path}: only a .ptu file can be followed while it grows; replay others")
        self.path, self.options, self.name = path, options, str(path)
        self.poll_s, self._clock = poll_s, clock or Clock()

    def __iter__(self) -> Iterator[Frame | Spoilt]:
        header = self._header()
        if header is None:
            return
        markers, taken, number = _Markers(self.path, header), 0, 0
        held: list[NDArray[np.uint32]] = []
        while True:
            promised = self._promised(len(header))  # before the records: all of them are there then
            records = self._appended(len(header) + taken * RECORD_BYTES)
            taken, first = taken + records.size, 0
            for end in markers.frame_ends(records):
                whole, held, first = np.concatenate([*held, records[first:end]]), [], end
                if markers.lines(whole):  # some recorders put the marker before a frame
                    yield self._frame(number, header, whole)
                    number += 1
            held.append(records[first:].copy())
            if sum(part.size for part in held) > MOST_RECORDS:
                raise InputError(
                    f"{self.path}: more than {MOST_RECORDS:,} records without a frame marker; record frame "
                    f"by frame, or map the finished file with seq2seqlite image"
                )
            if records.size == 0 and 0 < promised <= taken:
                break
            if records.size == 0 and self._clock.wait(self.poll_s):
                return
        rest = np.concatenate(held)
        if markers.lines(rest) >= markers.lines_in_frame:
            yield self._frame(number, header, rest)
        elif markers.lines(rest):
            yield Spoilt(
                number,
                self._clock.now(),
                f"{self.path}: frame {number} ended after line {markers.lines(rest)} of "
                f"{markers.lines_in_frame}; it is left out",
            )

    def stop(self) -> None:
        self._clock.stop()

    def _header(self) -> bytes | None:
        """Wait until the header is whole and return it; None where the clock is stopped."""
        import ptufile

        while True:
            start = b""
            if self.path.exists():
                with self.path.open("rb") as stream:
                    start = stream.read(len(MAGIC))
            if not MAGIC.startswith(start):
                raise InputError(
                    f"{self.path}: not a readable PTU file (begins with {start!r}); check the path"
                )
            try:
                if start == MAGIC:
                    with ptufile.PtuFile(self.path) as ptu:
                        size = int(ptu.record_offset)
                    with self.path.open("rb") as stream:
                        return stream.read(size)
            except ptufile.PqFileError:  # its tags are still being written
                pass
            if self._clock.wait(self.poll_s):
                return None

    def _promised(self, header_bytes: int) -> int:
        """Return the number of records that the header now says; 0 until the recorder has said it."""
        with self.path.open("rb") as stream:
            header = stream.read(header_bytes)
        return int(_ptu(header).tags.get("TTResult_NumberOfRecords", 0))

    def _appended(self, offset: int) -> NDArray[np.uint32]:
        return np.fromfile(self.path, np.dtype("<u4"), count=RECORDS_AT_ONCE, offset=offset)

    def _frame(self, number: int, header: bytes, records: NDArray[np.uint32]) -> Frame | Spoilt:
        arrived_s = self._clock.now()
        try:
            with reading(self.path, "PTU"):
                data = signal_from_ptu(_ptu(header, records), self.path, self.options)
        except InputError as error:
            return Spoilt(number, arrived_s, str(error))
        return Frame(number, arrived_s, data)


class _Markers:
    """Where frames end and lines begin, by the header's word."""

    def __init__(self, path: Path, header: bytes) -> None:
        with reading(path, "PTU"):
            self.ptu = _ptu(header)
            check_ptu_tags(self.ptu)
        if not (self.ptu.is_t3 and self.ptu.is_image and self.ptu.frame_change_mask):
            raise InputError(
                f"{path} is no T3 image with frame markers; map the finished file with seq2seqlite image"
            )
        self.lines_in_frame = int(self.ptu.lines_in_frame)

    def frame_ends(self, records: NDArray[np.uint32]) -> list[int]:
        """Return the numbers of records up to and with each frame marker."""
        return [int(end) + 1 for end in np.flatnonzero(self._found(records, self.ptu.frame_change_mask))]

    def lines(self, records: NDArray[np.uint32]) -> int:
        """Return the number of lines that begin."""
        return int(self._found(records, self.ptu.line_start_mask).sum())

    def _found(self, records: NDArray[np.uint32], mask: int) -> NDArray[np.bool_]:
        return np.asarray((self.ptu.decode_records(records)["marker"] & mask) != 0)


def _ptu(header: bytes, records: NDArray[np.uint32] | None = None) -> Any:
    """Return header and records as a PTU file; without records one to decode others with."""
    import ptufile

    ptu = ptufile.PtuFile(io.BytesIO(header + (b"" if records is None else records.tobytes())))
    if records is not None:
        ptu.tags["TTResult_NumberOfRecords"] = records.size  # those of the whole file
    return ptu
