"""Exchange of packets with a board: requests are repeated until they are answered."""

import secrets
import time
import weakref
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import HaltError, InputError
from seq2seqlite.hardware.host.transport import open_transport
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    LINK_VERSION,
    ErrorCode,
    Kind,
    LinkStatus,
    Packet,
    packet,
    packet_from_bytes,
    register_request,
)

__all__ = ["BoardError", "Connection"]

FIRST_PATIENCE_S, LEAST_PATIENCE_S, MOST_PATIENCE_S = 0.3, 0.05, 3.0
"""Time without an answer after which requests are repeated."""
RESULTS = Kind.RESULTS | ANSWER
LATE = 8
"""Later requests that may be answered before a request counts as lost."""


class BoardError(HaltError):
    """Error of a board: it does not answer, was reset, or has another program than expected.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board : Connection to a board.
    """


class Connection:
    """Session of a board.

    Parameters
    ----------
    address : str
        Address, ``udp://host:port`` or ``serial://DEVICE``.
    timeout_s : float
        Time without any answer after which the board counts as lost, in seconds.

    Raises
    ------
    InputError
        If the address or the time is invalid.
    BoardError
        If there is no board at the address, or its link has another version.

    Attributes
    ----------
    session : int
        Number of the session.
    status : LinkStatus
        Limits of the board.
    counters : Counter
        Packets sent, repeated, and received without use.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board : Connection to a board, with its design.
    """

    def __init__(self, address: str, /, *, timeout_s: float) -> None:
        if not timeout_s > 0:
            raise InputError(f"timeout_s={timeout_s:g} must be > 0")
        self.address, self.timeout_s = address, timeout_s
        self._lost: BoardError | None = None
        self.counters: Counter[str] = Counter(packets_sent=0, packets_repeated=0, packets_ignored=0)
        self._patience_s = dict.fromkeys(Kind, FIRST_PATIENCE_S)
        self._next_pixels = self._next_registers = self._next_frames = 0
        self._results: deque[Packet] = deque()
        try:
            self._transport = open_transport(address)
        except OSError as error:
            raise BoardError(f"board {address}: {error.strerror or error}; check the address") from None
        weakref.finalize(self, self._transport.close)  # predictors of a board live until the process ends
        self.session = secrets.randbelow(2**32 - 1) + 1
        opening = packet(Kind.OPEN, [self.session], sequence=secrets.randbits(32))
        (answer,) = self._exchange([opening], window=1)
        self.status = LinkStatus.from_body(answer.body)

    def close(self) -> None:
        """Close the socket or the serial device."""
        self._lost = self._lost or BoardError(
            f"the connection to board {self.address} is closed; open it again"
        )
        self._transport.close()

    def registers(self, accesses: Sequence[tuple[int, int | None]], /) -> list[int]:
        """Return the values that register accesses read or wrote; see ``register_request``.

        Raises
        ------
        BoardError
            If the board refuses an access, or does not answer.
        """
        request = register_request(accesses, session=self.session, sequence=self._next_registers)
        (answer,) = self._exchange([request], window=1)
        self._next_registers += 1
        if answer.argument != len(accesses):
            raise BoardError(
                f"board {self.address} refused an access to register {accesses[answer.argument][0]:#x}"
            )
        found: list[int] = answer.body.tolist()
        return found

    def first_sequence(self, n_requests: int, /) -> int:
        """Return the sequence number of the first of some pixels requests, which are reserved."""
        first = self._next_pixels
        self._next_pixels = (first + n_requests) & 0xFFFFFFFF
        return first

    def pixels(self, requests: Sequence[bytes], /, *, window: int) -> list[NDArray[np.uint32]]:
        """Return the bodies of the answers to pixels requests, in the order of the requests.

        Parameters
        ----------
        requests : sequence of bytes
            Requests with different sequence numbers.
        window : int
            Largest number of requests without an answer.

        Raises
        ------
        BoardError
            If the board does not answer, or has no longer the session.
        """
        most = self._transport.most_requests or window
        return [answer.body for answer in self._exchange(requests, window=min(window, most))]

    def frames(self, n: int, /) -> NDArray[np.uint32]:
        """Request the next frames of a camera at the board, and return the body of the answer.

        Raises
        ------
        BoardError
            If the board does not answer, or has no longer the session.
        """
        self._next_frames += 1
        request = packet(Kind.FRAMES, [n], session=self.session, sequence=self._next_frames)
        (answer,) = self._exchange([request], window=1)
        return answer.body

    def next_results(self, patience_s: float, /) -> Packet | None:
        """Return the next packet of results of a camera; None after a time without any.

        Raises
        ------
        BoardError
            If the connection is closed or fails.
        """
        if self._lost is not None:
            raise BoardError(str(self._lost))
        end = time.monotonic() + patience_s
        while not self._results:
            left = end - time.monotonic()
            if left < 0 or self._receive(left, results=True) is None:
                return None
        return self._results.popleft()

    def _exchange(self, requests: Sequence[bytes], /, *, window: int) -> list[Packet]:
        """Send requests of one kind until all have an answer; return the answers in their order."""
        if self._lost is not None:
            raise BoardError(str(self._lost))
        try:
            return self._answers_of(requests, window)
        except BoardError as error:
            self._lost = error
            self._transport.close()
            raise

    def _answers_of(self, requests: Sequence[bytes], window: int) -> list[Packet]:
        headers = [found for found in map(packet_from_bytes, requests) if found is not None]
        asked = {header.sequence: number for number, header in enumerate(headers)}
        kind = Kind(headers[0].kind) if headers else Kind.STATUS
        answers: dict[int, Packet] = {}
        open_ = _OpenRequests()
        answered, patience = time.monotonic(), self._patience_s[kind]
        while len(answers) < len(requests):
            while len(open_) < window and open_.n_started < len(requests):
                self._send(requests[open_.start(time.monotonic())])
            found = self._receive(patience)
            now = time.monotonic()
            late: Sequence[int] = ()
            if found is None:
                if now - answered > self.timeout_s:
                    raise BoardError(
                        f"board {self.address} does not answer within {self.timeout_s:g} s; check its power, "
                        "the cable and the address"
                    )
                patience = min(2 * patience, MOST_PATIENCE_S)
                late = open_.all()
            elif (number := asked.get(found.sequence, -1)) in open_ and self._answers(found, kind):
                answers[number], answered = found, now
                took, late = open_.end(number, now)
                if took is not None:
                    self._patience_s[kind] = min(max(4 * took, LEAST_PATIENCE_S), MOST_PATIENCE_S)
                    patience = self._patience_s[kind]
            else:
                self.counters["packets_ignored"] += 1
            for number in late:
                self._send(requests[open_.repeat(number)])
                self.counters["packets_repeated"] += 1
        return [answers[number] for number in range(len(requests))]

    def _answers(self, found: Packet, kind: Kind) -> bool:
        """Return whether a packet is an answer of a kind in this session; raise an error that it reports."""
        if found.kind != Kind.ERROR:
            return (
                found.kind == kind | ANSWER
                and found.session == self.session
                and found.version == LINK_VERSION
            )
        if found.argument == ErrorCode.VERSION:
            raise BoardError(
                f"board {self.address} has version {found.version} of the link, but this is version "
                f"{LINK_VERSION}; use the same version of seq2seqlite for both"
            )
        if found.session == self.session:  # late, from before the session was open
            return False
        raise BoardError(
            f"board {self.address} was reset, or another computer uses it; its results since then are lost: "
            "start again"
        )

    def _send(self, data: bytes) -> None:
        self.counters["packets_sent"] += 1
        try:
            self._transport.send(data)
        except OSError as error:
            raise self._failed(error) from None

    def _receive(self, patience: float, *, results: bool = False) -> Packet | None:
        """Return the next packet; None after a time without any.

        Results of a camera are put into their queue. They are only returned on request.
        """
        end = time.monotonic() + patience
        while True:
            try:
                data = self._transport.receive(max(end - time.monotonic(), 0))
            except OSError as error:
                raise self._failed(error) from None
            if data is None:
                return None
            found = packet_from_bytes(data)
            if found is not None and found.kind == RESULTS and found.session == self.session:
                self._results.append(found)
                if not results and time.monotonic() < end:
                    continue
                return found if results else None
            if found is not None:
                return found
            self.counters["packets_ignored"] += 1

    def _failed(self, error: OSError) -> BoardError:
        if isinstance(error, ConnectionRefusedError):
            return BoardError(f"no board at {self.address} (the port is closed); check the address")
        return BoardError(f"board {self.address}: {error.strerror or error}; check the network")


@dataclass
class _Open:
    """Request without an answer: numbers of its first and last transmission, and the time of the first."""

    first: int
    last: int
    sent: float


class _OpenRequests:
    """Requests without an answer, in the order of their last transmissions."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._transmissions = 0
        self.n_started = 0

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def all(self) -> list[int]:
        """Return the numbers of all requests without an answer."""
        return list(self._open)

    def start(self, now: float) -> int:
        """Return the number of the next request, which is sent now."""
        number, self.n_started = self.n_started, self.n_started + 1
        self._open[number] = _Open(self._transmissions, self._transmissions, now)
        self._transmissions += 1
        return number

    def repeat(self, number: int) -> int:
        """Return the number of a request that is sent again."""
        self._open[number].last = self._transmissions
        self._open.move_to_end(number)
        self._transmissions += 1
        return number

    def end(self, number: int, now: float) -> tuple[float | None, list[int]]:
        """Return the time until an answer, or None if it is unknown; and requests that are probably lost.

        A board answers in order, so that those are lost that were sent long before this one.
        """
        ended, late = self._open.pop(number), []
        for other, one in self._open.items():
            if one.last >= ended.first - LATE:
                break
            late.append(other)
        return (now - ended.sent if ended.first == ended.last else None), late
