"""Ways of a packet to a board: UDP, and a serial line."""

import re
import select
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

from seq2seqlite.errors import InputError
from seq2seqlite.hardware.wire.link_packets import PACKET_BYTES, UDP_PORT
from seq2seqlite.hardware.wire.serial_frames import BAUD_RATE, FrameDecoder, encode_frame

__all__ = ["SerialTransport", "Transport", "UdpTransport", "host_and_port", "open_transport", "serial_device"]

UDP_ADDRESS = re.compile(r"udp://(?P<host>[^:/?\s]+)(?::(?P<port>\d{1,5}))?")
SERIAL = "serial://"
LINE_WINDOW = 2
"""Requests that may wait for their answers on a serial line: one is computed while the next one arrives."""


class Transport(Protocol):
    """Way of packets to a board and back. Packets may be lost, repeated or reordered, but not changed.

    Attributes
    ----------
    most_requests : int or None
        Largest useful number of requests without an answer; None: as many as the board accepts.

    See Also
    --------
    open_transport : Open the transport of an address.
    """

    most_requests: int | None

    def send(self, packet: bytes, /) -> None:
        """Send a packet. Raises OSError if the network or the device fails."""

    def receive(self, patience_s: float, /) -> bytes | None:
        """Return the next packet; None after a time without any. Raises OSError like :meth:`send`."""

    def close(self) -> None:
        """Close the socket or the device."""


class UdpTransport:
    """Packets as UDP datagrams.

    Parameters
    ----------
    host : str
        Name or IPv4 address.
    port : int
        UDP port.

    Raises
    ------
    OSError
        If the host is unknown.

    See Also
    --------
    SerialTransport : The same for a serial line.
    """

    most_requests: int | None = None

    def __init__(self, host: str, port: int, /) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect((host, port))
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(0)

    def send(self, packet: bytes, /) -> None:
        """Send a packet. A full buffer of the socket is like a lost packet."""
        with suppress(BlockingIOError):
            self._socket.send(packet)

    def receive(self, patience_s: float, /) -> bytes | None:
        """Return the next datagram; None after a time without any."""
        end = time.monotonic() + patience_s
        while True:
            try:
                return self._socket.recv(PACKET_BYTES + 4)
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                    return None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class SerialTransport:
    """Packets as frames on a serial line (``docs/spec/serial-link.md``); damaged frames are dropped.

    Parameters
    ----------
    device : str
        Serial device, such as ``/dev/ttyUSB0`` or ``COM3``.

    Raises
    ------
    ModuleNotFoundError
        If pyserial, of the extra ``board``, is not installed.
    OSError
        If there is no such device, or it may not be opened.

    See Also
    --------
    UdpTransport : The same for Ethernet.
    """

    most_requests: int | None = LINE_WINDOW

    def __init__(self, device: str, /) -> None:
        import serial

        self._line: Any = serial.Serial(device, BAUD_RATE, timeout=0)
        self._line.reset_input_buffer()
        self._decoder = FrameDecoder()
        self._packets: deque[bytes] = deque()

    def send(self, packet: bytes, /) -> None:
        """Send a packet; returns when the driver of the device has taken it."""
        self._line.write(encode_frame(packet))

    def receive(self, patience_s: float, /) -> bytes | None:
        """Return the next packet; None after a time without any."""
        end = time.monotonic() + patience_s
        while not self._packets:
            left = end - time.monotonic()
            self._line.timeout = max(left, 0)
            data = self._line.read(max(self._line.in_waiting, 1))
            self._packets.extend(self._decoder.feed(data))
            if left <= 0 and not data:
                return None
        return self._packets.popleft()

    def close(self) -> None:
        """Close the device."""
        self._line.close()


def open_transport(address: str, /) -> Transport:
    """Open the transport of an address.

    Parameters
    ----------
    address : str
        ``udp://host:port`` or ``serial://DEVICE``.

    Raises
    ------
    InputError
        If the address is invalid.
    OSError
        If the host or the device cannot be opened.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board : Connection to a board.
    """
    device = serial_device(address)
    return UdpTransport(*host_and_port(address)) if device is None else SerialTransport(device)


def serial_device(address: str, /) -> str | None:
    """Return the device of an address ``serial://DEVICE``; None for other addresses.

    Raises
    ------
    InputError
        If the device is missing.

    See Also
    --------
    host_and_port : The same for addresses of UDP.

    Examples
    --------
    >>> serial_device("serial:///dev/ttyUSB0"), serial_device("udp://board.local")
    ('/dev/ttyUSB0', None)
    """
    if not address.startswith(SERIAL):
        return None
    device = address.removeprefix(SERIAL)
    if not device:
        raise InputError(f"address={address!r} has no device, e.g. {SERIAL}/dev/ttyUSB0")
    return device


def host_and_port(address: str, /) -> tuple[str, int]:
    """Return host and port of an address ``udp://host:port``.

    Raises
    ------
    InputError
        If the address is invalid.

    See Also
    --------
    seq2seqlite.hardware.host.board.Board : Connection to a board.

    Examples
    --------
    >>> host_and_port("udp://board.local")
    ('board.local', 6000)
    """
    found = UDP_ADDRESS.fullmatch(address)
    port = int(found["port"] or UDP_PORT) if found else 0
    if found is None or not 0 < port < 1 << 16:
        raise InputError(
            f"address={address!r} must be udp://host:port or {SERIAL}DEVICE, "
            f"e.g. udp://192.168.1.50:{UDP_PORT} or {SERIAL}/dev/ttyUSB0"
        )
    return found["host"], port
