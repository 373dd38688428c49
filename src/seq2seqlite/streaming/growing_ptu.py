"""Source of the frames of a PTU file during its recording."""

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
# Polling interval in seconds.
POLL_S = 0.2
# Records of 4 bytes that are read and decoded at a time; decoded, they take 16 MB.
RECORDS_AT_ONCE = 1 << 20
# Largest number of records without a frame marker.
MOST_RECORDS = 1 << 26
RECORD_BYTES = 4


class GrowingPtu:
    """Source of the frames of a PicoQuant T3 image during its recording.

    Parameters
    ----------
    path : pathlib.Path
        PTU file, which may not exist yet.
    options : ReadOptions
        Options of the reader.
    poll_s : float
        Polling interval, in s.
    clock : Clock, optional
        Clock of the stream.

    Raises
    ------
    InputError
        If the file is not a T3 image with frame markers.

    See Also
    --------
    SpoolFolder : Source of frames from the files in a folder, in the order of the numbers in their names.
    seq2seqlite.read : Read a measurement as an array of decays.

    Notes
    -----
    Only appended records are read. ptufile finds the frame markers in them, and decodes the header of the
    file followed by the records of one frame as if they were a complete file. This is possible because the
    position of a photon in its line does not depend on earlier records. The memory is thus limited to one
    frame. The recorder writes the total number of records into the header at the end, which ends the stream.
    An incomplete last frame is reported and counted.
    """

    def __init__(
        self, path: Path, options: ReadOptions, /, *, poll_s: float = POLL_S, clock: Clock | None = None
    ) -> None:
        if path.suffix.lower() != ".ptu":
            raise InputError(
                f"{path}: only .ptu files can be read during their recording; replay the finished file"
            )
        self.path, self.options, self.name = path, options, str(path)
        self.poll_s, self._clock = poll_s, clock or Clock()
        self._seen_bytes, self._seen_s = 0, 0.0

    def __iter__(self) -> Iterator[Frame | Spoilt]:
        header = self._header()
        if header is None:
            return
        markers, taken, number = _Markers(self.path, header), 0, 0
        held: list[NDArray[np.uint32]] = []
        while True:
            declared = self._declared(len(header))  # before reading, so that all of these records exist
            records = self._appended(len(header) + taken * RECORD_BYTES)
            taken, first = taken + records.size, 0
            arrived_s = self._arrived_s(len(header) + taken * RECORD_BYTES)
            for end in markers.frame_ends(records):
                whole, held, first = np.concatenate([*held, records[first:end]]), [], end
                if markers.lines(whole):  # some recorders write the marker before a frame
                    yield self._frame(number, header, whole, arrived_s)
                    number += 1
            held.append(records[first:].copy())
            if sum(part.size for part in held) > MOST_RECORDS:
                raise InputError(
                    f"{self.path}: more than {MOST_RECORDS:,} records without a frame marker; record frame "
                    f"by frame, or analyse the finished file"
                )
            if records.size == 0 and 0 < declared <= taken:
                break
            if records.size == 0 and self._clock.wait(self.poll_s):
                return
        rest = np.concatenate(held)
        if markers.lines(rest) >= markers.lines_in_frame:
            yield self._frame(number, header, rest, self._clock.now())
        elif markers.lines(rest):
            yield Spoilt(
                number,
                self._clock.now(),
                f"{self.path}: frame {number} ended after line {markers.lines(rest)} of "
                f"{markers.lines_in_frame}; it is skipped",
            )

    def stop(self) -> None:
        self._clock.stop()

    def _header(self) -> bytes | None:
        """Wait until the header is complete and return it, or None if the clock is stopped."""
        import ptufile

        while True:
            start = b""
            if self.path.exists():
                with self.path.open("rb") as stream:
                    start = stream.read(len(MAGIC))
            if not MAGIC.startswith(start):
                raise InputError(
                    f"{self.path}: not a readable PTU file (it starts with {start!r}); check the path"
                )
            try:
                if start == MAGIC:
                    with ptufile.PtuFile(self.path) as ptu:
                        size = int(ptu.record_offset)
                    with self.path.open("rb") as stream:
                        return stream.read(size)
            except ptufile.PqFileError:  # the header is incomplete
                pass
            if self._clock.wait(self.poll_s):
                return None

    def _declared(self, header_bytes: int) -> int:
        """Return the number of records in the header, which is 0 until the end of the recording."""
        with self.path.open("rb") as stream:
            header = stream.read(header_bytes)
        return int(_ptu(header).tags.get("TTResult_NumberOfRecords", 0))

    def _appended(self, offset: int) -> NDArray[np.uint32]:
        return np.fromfile(self.path, np.dtype("<u4"), count=RECORDS_AT_ONCE, offset=offset)

    def _arrived_s(self, end: int) -> float:
        """Return when the file was first seen to have its bytes up to an offset, in s."""
        if end > self._seen_bytes:
            self._seen_bytes, self._seen_s = self.path.stat().st_size, self._clock.now()
        return self._seen_s

    def _frame(
        self, number: int, header: bytes, records: NDArray[np.uint32], arrived_s: float
    ) -> Frame | Spoilt:
        try:
            with reading(self.path, "PTU"):
                data = signal_from_ptu(_ptu(header, records), self.path, self.options)
        except InputError as error:
            return Spoilt(number, arrived_s, str(error))
        return Frame(number, arrived_s, data)


class _Markers:
    """Positions of the ends of frames and the starts of lines in records."""

    def __init__(self, path: Path, header: bytes) -> None:
        with reading(path, "PTU"):
            self.ptu = _ptu(header)
            check_ptu_tags(self.ptu)
        if not (self.ptu.is_t3 and self.ptu.is_image and self.ptu.frame_change_mask):
            raise InputError(
                f"{path} is not a T3 image with frame markers; analyse the finished file instead"
            )
        self.lines_in_frame = int(self.ptu.lines_in_frame)

    def frame_ends(self, records: NDArray[np.uint32]) -> list[int]:
        """Return the index after each frame marker."""
        return [int(end) + 1 for end in np.flatnonzero(self._found(records, self.ptu.frame_change_mask))]

    def lines(self, records: NDArray[np.uint32]) -> int:
        """Return the number of line starts."""
        return int(self._found(records, self.ptu.line_start_mask).sum())

    def _found(self, records: NDArray[np.uint32], mask: int) -> NDArray[np.bool_]:
        return np.asarray((self.ptu.decode_records(records)["marker"] & mask) != 0)


def _ptu(header: bytes, records: NDArray[np.uint32] | None = None) -> Any:
    """Return a PTU file of header and records; without records, it can decode other records."""
    import ptufile

    ptu = ptufile.PtuFile(io.BytesIO(header + (b"" if records is None else records.tobytes())))
    if records is not None:
        ptu.tags["TTResult_NumberOfRecords"] = (
            records.size
        )  # the header contains the number of the whole file
    return ptu
