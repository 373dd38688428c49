"""Connection to a board: its design, its responses, and the results of pixels."""

import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.gateware.register_map import ID, REGISTERS, VERSION
from seq2seqlite.hardware.host.camera import FRONT_END, BoardFrame, CameraSettings, FrameAssembly
from seq2seqlite.hardware.host.connection import BoardError, Connection
from seq2seqlite.hardware.wire.front_end_registers import SERIES_REGISTERS, map_words, register_addresses
from seq2seqlite.hardware.wire.link_packets import MAX_ACCESSES, max_pixels, pixel_requests, pixel_words
from seq2seqlite.hardware.wire.memory_status import MemoryStatus
from seq2seqlite.hardware.wire.results import Flag, Records, records_from_words, response_words, user_words
from seq2seqlite.integer import COUNT_BITS, AnyProgram

__all__ = ["TIMEOUT_S", "Board"]

TIMEOUT_S = 5.0
FLUSH_CLOCKS = 4096
"""Pause after which a design processes an incomplete batch: longer than between two requests."""
ADDRESSES = {register.name: register.address for register in REGISTERS}
READY, LOADED = 1, 2
"""Bits of ``RESPONSE_STATUS``."""
AHEAD = 16
"""Frames of a camera that are requested in advance."""
IDLE_S = 1.0
"""Time without results after which the state of the camera is requested."""
SERIES = {name: FRONT_END + address for name, address in register_addresses(SERIES_REGISTERS).items()}
COUNTERS = ("FRAMES_IN", "FRAMES_OUT", "FRAMES_DROPPED", "FRAMES_MALFORMED", "MEMORY_ERRORS")
WITH_RESPONSES, WITH_USER, COUNTS_OF_8_BITS = 4, 8, 16
"""Bits of ``CAPABILITIES``."""


class Board:
    """Connection to a board, whose session is open.

    All methods may be called from several threads.

    Parameters
    ----------
    connection : Connection
        Session of the board. Use :meth:`open`.

    Raises
    ------
    BoardError
        If the design of the board is not one of this package, or has another version of the specification.

    Attributes
    ----------
    program_hash : str
        First 16 hexadecimal digits of the SHA-256 of the board's program.
    n_gates : int
        Counts of a pixel.
    frame_pixels : int
        Pixels of a frame of the camera at the board; 0: the board has no front end, and accepts pixels.
    memory : MemoryStatus
        Status of the memory of the front end when the session was opened.

    See Also
    --------
    seq2seqlite.hardware.host.predictor.board_predictor : A board as a predictor.
    """

    def __init__(self, connection: Connection, /) -> None:
        self._connection, self._lock = connection, threading.Lock()
        names = ("ID", "VERSION", "HASH0", "HASH1", "SHAPE", "CAPABILITIES", "WIDTHS", "CODES")
        values = connection.registers([(ADDRESSES[name], None) for name in names])
        found = dict(zip(names, values, strict=True))
        address = connection.address
        if found["ID"] != ID:
            raise BoardError(
                f"board {address} has a design with ID {found['ID']:#010x}, not {ID:#010x}; load the "
                "bitstream of a seq2seqlite design"
            )
        if found["VERSION"] != VERSION:
            raise BoardError(
                f"board {address} has version {found['VERSION']} of the hardware specification, but this is "
                f"version {VERSION}; build the bitstream with this version of seq2seqlite"
            )
        self.program_hash = f"{found['HASH0']:08x}{found['HASH1']:08x}"
        self.n_gates = found["SHAPE"] & 0xFFFF
        self.frame_pixels = connection.status.frame_pixels
        self.memory = MemoryStatus.from_word(connection.status.memory)
        self._has_user = bool(found["CAPABILITIES"] & WITH_USER)
        self._has_responses = bool(found["CAPABILITIES"] & WITH_RESPONSES)
        self._count_bits = 8 if found["CAPABILITIES"] & COUNTS_OF_8_BITS else COUNT_BITS
        self._record_bits = found["WIDTHS"] >> 16
        self._capacity = found["CODES"] >> 8 & 0xFF
        self._responses: OrderedDict[bytes, int] = OrderedDict()  # codes, to index; the last used one is last
        self._min_photons = 0
        self._pixels = self._flagged = 0
        connection.registers([(ADDRESSES["FLUSH_CLOCKS"], FLUSH_CLOCKS)])

    @classmethod
    def open(
        cls, address: str, /, *, program: AnyProgram | None = None, timeout_s: float = TIMEOUT_S
    ) -> "Board":
        """Open a session of a board, which ends a session of another computer.

        Parameters
        ----------
        address : str
            Address, ``udp://host:port``, whose default port is 6000, or ``serial://DEVICE``.
        program : Program or DirectProgram, optional
            Program that the board must have.
        timeout_s : float
            Time without any answer after which the board counts as lost, in seconds.

        Raises
        ------
        InputError
            If the address is invalid.
        BoardError
            If no board answers, or it has another program or version.

        See Also
        --------
        Board.results : Results of pixels.
        """
        connection = Connection(address, timeout_s=timeout_s)
        try:
            board = cls(connection)
            if program is not None:
                board.check_program(program)
        except BoardError:
            connection.close()
            raise
        return board

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The board keeps the session until another one is opened."""
        self._connection.close()

    @property
    def address(self) -> str:
        """Address of the board."""
        return self._connection.address

    def is_open(self) -> bool:
        """Return whether the board answers, and still has the session."""
        try:
            with self._lock:
                return self._connection.registers([(ADDRESSES["ID"], None)]) == [ID]
        except BoardError:
            return False

    def check_program(self, program: AnyProgram, /) -> None:
        """Check that the board has a program.

        Raises
        ------
        BoardError
            If it has another one.
        """
        digits = program.sha256[: len(self.program_hash)]
        if digits != self.program_hash:
            raise BoardError(
                f"board {self.address} has program {self.program_hash}, not {program.name} ({digits}); load "
                "the bitstream of that program, or choose the model of the board"
            )

    def counters(self) -> dict[str, float]:
        """Return the pixels, those without a valid result, and packets sent, repeated and ignored."""
        return {"pixels": self._pixels, "pixels_flagged": self._flagged, **self._connection.counters}

    def results(
        self,
        program: AnyProgram,
        counts: NDArray[np.integer],
        /,
        *,
        bank: NDArray[np.int64] | None = None,
        index: ArrayLike = 0,
        count_exponent: ArrayLike = 0,
        min_photons: int = 0,
    ) -> Records:
        """Return the results of pixels.

        Parameters
        ----------
        program : Program or DirectProgram
            Program of the board.
        counts : ndarray of int, shape (n, n_gates)
            Raw counts, 0 to 65535, or 255 of a design with counts of 8 bits.
        bank : ndarray of int64, shape (n_responses, n_gates, n_columns), optional
            Codes of the responses of a program that gets them; those that the board lacks are loaded.
        index : array_like of int, shape (n,)
            Response of each pixel.
        count_exponent : array_like of int, shape () or (n,)
            The counts are those of the detector times 2 to the power of this.
        min_photons : int
            Pixels with fewer counts, of direct programs counts of the detector, are flagged as below
            threshold.

        Returns
        -------
        Records
            The numbers of the pixels are those of ``counts``.

        Raises
        ------
        InputError
            If the counts do not fit the design.
        BoardError
            If the board does not answer, or has no longer the session.
        """
        if self.frame_pixels:
            raise BoardError(
                f"board {self.address} has a front end for a camera and accepts no pixels; use it as the "
                "source of a stream"
            )
        if counts.ndim != 2 or counts.shape[1] != self.n_gates:
            raise InputError(f"counts of shape {counts.shape} must have shape (n, {self.n_gates})")
        if counts.max(initial=0) >> self._count_bits:
            raise InputError(
                f"counts up to {counts.max()} do not fit the {self._count_bits} bits of board "
                f"{self.address}; build its design with count_bits={COUNT_BITS}"
            )
        n = len(counts)
        numbers = np.broadcast_to(np.asarray(index, np.int64), n)
        exponents = np.broadcast_to(np.asarray(count_exponent, np.int64), n)
        words = np.zeros((n, self._record_bits // 32), np.uint32)
        with self._lock:
            self._set_min_photons(min_photons)
            for rows, places in self._placed(program, bank, numbers):
                user = user_words(places, exponents[rows]) if self._has_user else None
                words[rows] = self._words(counts[rows], user)
            records = records_from_words(words)
            self._pixels += n
            self._flagged += int((records.has(Flag.MALFORMED) | records.has(Flag.NO_RESPONSE)).sum())
        records.number[:] = np.arange(n)
        return records

    def frames(
        self,
        program: AnyProgram,
        /,
        *,
        settings: CameraSettings = CameraSettings(),  # noqa: B008 - frozen
        bank: NDArray[np.int64] | None = None,
        index: ArrayLike = 0,
        min_photons: int = 0,
        stop: threading.Event | None = None,
    ) -> Generator[BoardFrame, None, None]:
        """Yield the results of the frames of a camera at the board.

        Lost packets are not repeated: their pixels are missing. Close the generator to end the frames.

        Parameters
        ----------
        program : Program or DirectProgram
            Program of the board.
        settings : CameraSettings
            Settings of the front end.
        bank : ndarray of int64, shape (n_responses, n_gates, n_columns), optional
            Codes of the responses of a direct program.
        index : array_like of int, shape () or (pixels,)
            Response of each pixel.
        min_photons : int
            Pixels with fewer counts are flagged as below threshold.
        stop : threading.Event, optional
            Event that ends the frames, also while none arrives.

        Raises
        ------
        InputError
            If the settings or the responses do not fit the board.
        BoardError
            If the board has no front end, its memory has failed, it does not answer, or has no longer the
            session.

        See Also
        --------
        results : Results of pixels, of a board without a front end.
        """
        if not self.frame_pixels:
            raise BoardError(
                f"board {self.address} has no front end for a camera; build its bitstream with --camera"
            )
        if self.memory.failed:
            passing = ", ".join(str(lane.passing) for lane in self.memory.lanes)
            raise BoardError(
                f"the training of the memory of board {self.address} has failed (read delays that pass, for "
                f"each byte lane: {passing}); reset the board, or build its bitstream with another frequency "
                "of the engines"
            )
        with self._lock:
            self._set_min_photons(min_photons)
            shape = self._connection.registers([(SERIES["SHAPE"], None)])[0]
            accesses = settings.accesses(
                n_gates=self.n_gates, pixels=self.frame_pixels, count_bits=shape >> 24
            )
            accesses += self._camera_responses(program, bank, np.asarray(index, np.int64))
            for start in range(0, len(accesses), MAX_ACCESSES):
                self._connection.registers(accesses[start : start + MAX_ACCESSES])
        assembly = FrameAssembly(self.frame_pixels, self._record_bits)
        try:
            yield from self._received(assembly, stop or threading.Event())
        finally:
            with suppress(BoardError), self._lock:
                self._connection.frames(0)

    def camera_counters(self) -> dict[str, int]:
        """Return the counters of the front end: frames that began, were delivered, dropped, or malformed.

        Raises
        ------
        BoardError
            If the board does not answer.
        """
        with self._lock:
            values = self._connection.registers([(SERIES[name], None) for name in COUNTERS])
        return dict(zip((name.lower() for name in COUNTERS), values, strict=True))

    def _received(self, assembly: FrameAssembly, stop: threading.Event) -> Iterator[BoardFrame]:
        """Yield frames, and renew the request for the next ones in time."""
        with self._lock:
            self._connection.frames(AHEAD)
        renewed, idle = 0, False
        while not stop.is_set():
            with self._lock:
                packet = self._connection.next_results(IDLE_S)
                before = None
                if packet is None:
                    state = int(self._connection.frames(AHEAD)[0])
                    before, idle = (state if idle else None), True
                else:
                    idle = False
                    self._connection.counters["packets_ignored"] += not assembly.add(packet)
            for frame in assembly.finished(before=before):
                self._pixels += frame.missing.size
                self._flagged += int(frame.missing.sum())
                if frame.number - renewed >= AHEAD // 2:
                    renewed = frame.number
                    with self._lock:
                        self._connection.frames(AHEAD)
                yield frame

    def _camera_responses(
        self, program: AnyProgram, bank: NDArray[np.int64] | None, index: NDArray[np.int64]
    ) -> list[tuple[int, int]]:
        """Load all responses of a camera; return the accesses that select those of its pixels."""
        if bank is None or not self._has_responses:
            return []
        if len(bank) > self._capacity or not 0 <= index.min() <= index.max() < len(bank):
            raise InputError(
                f"{len(bank)} responses with an index up to {index.max()} do not fit the bank of board "
                f"{self.address}, which has {self._capacity}"
            )
        places = np.zeros(len(bank), np.int64)
        for number, codes in enumerate(bank):
            key = codes.astype(np.int64).tobytes()
            if key not in self._responses:
                self._load(program, key, codes)
            places[number] = self._responses[key]
        map_bits = self._connection.registers([(SERIES["MAP_BITS"], None)])[0]
        used = np.broadcast_to(places[index], self.frame_pixels)
        if map_bits:
            words = map_words(used, map_bits=map_bits)
            return [(SERIES["MAP_INDEX"], 0), *((SERIES["MAP_DATA"], int(word)) for word in words)]
        if len(np.unique(used)) > 1:
            raise InputError(
                f"board {self.address} has no response map, so that all pixels must have the same response"
            )
        return [(ADDRESSES["RESPONSE_BASE"], int(used[0]))]

    def _words(self, counts: NDArray[np.integer], user: NDArray[np.uint32] | None) -> NDArray[np.uint32]:
        """Return the words of the results of pixels."""
        bits = 8 if counts.max(initial=0) < 1 << 8 else 16
        status, per_record = self._connection.status, self._record_bits // 32
        n_pixels = max_pixels(self.n_gates, bits, has_user=self._has_user, record_bits=self._record_bits)
        words = n_pixels * pixel_words(self.n_gates, bits, has_user=self._has_user)
        window = status.buffer_words // words + status.pixels_inside // n_pixels
        requests = pixel_requests(
            counts,
            count_bits=bits,
            user=user,
            n_pixels=n_pixels,
            session=self._connection.session,
            first_sequence=self._connection.first_sequence(-(-len(counts) // n_pixels)),
        )
        bodies = self._connection.pixels(requests, window=min(max(window, 1), status.max_requests))
        found = np.concatenate([np.empty(0, np.uint32), *bodies])
        if found.size != len(counts) * per_record:
            raise BoardError(f"board {self.address} returned {found.size} words for {len(counts)} pixels")
        return found.reshape(-1, per_record)

    def _placed(
        self, program: AnyProgram, bank: NDArray[np.int64] | None, numbers: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
        """Yield groups of pixels, and the index at the board of the response of each, which is loaded."""
        if bank is None or not self._has_responses:
            yield np.arange(len(numbers)), np.zeros(len(numbers), np.int64)
            return
        used = np.unique(numbers)
        for start in range(0, len(used), self._capacity):
            group = used[start : start + self._capacity]
            # Those that are loaded already are used first, so that they are not replaced.
            keys = {int(number): bank[number].astype(np.int64).tobytes() for number in group}
            for key in keys.values():
                if key in self._responses:
                    self._responses.move_to_end(key)
            places = np.zeros(len(bank), np.int64)
            for number, key in keys.items():
                if key not in self._responses:
                    self._load(program, key, bank[number])
                places[number] = self._responses[key]
            rows = np.flatnonzero(np.isin(numbers, group))
            yield rows, places[numbers[rows]]

    def _load(self, program: AnyProgram, key: bytes, codes: NDArray[np.int64]) -> None:
        """Load a response in the place of the one that was not used for the longest time."""
        place = len(self._responses)
        if place == self._capacity:
            _, place = self._responses.popitem(last=False)
        access = self._connection.registers
        words = response_words(program, codes).tolist()
        status = (ADDRESSES["RESPONSE_STATUS"], None)
        access([(ADDRESSES["RESPONSE_OPEN"], place)])
        end = time.monotonic() + self._connection.timeout_s
        while not access([status])[0] & READY:
            if time.monotonic() > end:
                raise BoardError(f"board {self.address} is not ready for a response; restart the board")
        for start in range(0, len(words), MAX_ACCESSES):
            access([(ADDRESSES["RESPONSE_WORD"], word) for word in words[start : start + MAX_ACCESSES]])
        if not access([(ADDRESSES["RESPONSE_COMPLETE"], len(words)), status])[1] & LOADED:
            raise BoardError(f"board {self.address} rejected a response of program {program.name}")
        self._responses[key] = place

    def _set_min_photons(self, min_photons: int) -> None:
        if min_photons != self._min_photons:
            self._connection.registers([(ADDRESSES["MIN_PHOTONS"], min_photons)])
            self._min_photons = min_photons
