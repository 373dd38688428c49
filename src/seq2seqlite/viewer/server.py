"""Server of the page, on this computer only unless a host is given."""

import asyncio
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self

from bokeh.document import Document
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

from seq2seqlite.errors import InputError
from seq2seqlite.viewer.images import OpenedImages
from seq2seqlite.viewer.page import Page
from seq2seqlite.viewer.state import ViewState

__all__ = ["LOOPBACK", "ViewServer", "is_loopback"]

LOOPBACK = "127.0.0.1"
# Largest message from a browser: choices and outlines, never files.
MAX_MESSAGE_BYTES = 2**18
TOKEN_BYTES = 24
THREADS = 2


def is_loopback(host: str, /) -> bool:
    """Return whether a host is this computer's loopback interface."""
    return host == "localhost" or host.startswith("127.")


class ViewServer:
    """Server of the page, which runs in a thread.

    Parameters
    ----------
    images : OpenedImages, optional
        Measurements that the page may show.
    start : ViewState, optional
        State of a page without parameters in its URL.
    host : str
        Address on which the server listens. For other computers, the URL contains a random token.
    port : int
        Port; 0 for a free one.
    token : bool
        Add the token on this computer, too: a loopback address is open to all its users and programs.
    application : callable, optional
        Function that fills the document of a session, instead of the page of ``images``.

    Raises
    ------
    InputError
        If the port is in use or the host is not an address of this computer.

    See Also
    --------
    OpenedImages : Measurements that the page may show.
    ViewState : State of a page.

    Notes
    -----
    A websocket is accepted only from pages of this server (its origin), and messages of a browser are
    limited to 256 kB, so that files cannot be uploaded. Only files that are offered by the page can be read.
    """

    def __init__(
        self,
        images: OpenedImages | None = None,
        start: ViewState | None = None,
        /,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        token: bool = False,
        application: Callable[[Document], None] | None = None,
    ) -> None:
        self.host = host
        self.token = secrets.token_urlsafe(TOKEN_BYTES) if token or not is_loopback(host) else ""
        self.port = _usable_port(host, port)
        self._executor = ThreadPoolExecutor(THREADS, "viewer")
        self._images, self._start = images, start
        self._application = application or self._page
        self._ready, self._failure = threading.Event(), ""
        self._loop: Any = None
        self._server: Any = None
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)

    @property
    def url(self) -> str:
        """Address of the page."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "") else self.host  # noqa: S104 - a comparison
        return f"http://{name}:{self.port}/" + (f"{self.token}/" if self.token else "")

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure:
            raise InputError(self._failure)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.add_callback(self._stop)
        self._thread.join(5)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def announce(self, *, browser: bool) -> None:
        """Print the address, with a warning if other computers can reach it, and open it in the browser."""
        if not is_loopback(self.host):
            print(
                "warning: the page can be reached from other computers, by everyone who has this address",
                file=sys.stderr,
            )
        print(self.url, flush=True)
        if browser:
            webbrowser.open(self.url)

    def wait(self) -> None:
        """Wait until the program is interrupted."""
        self._thread.join()

    def _page(self, doc: Document) -> None:
        assert self._images is not None
        assert self._start is not None
        Page(doc, self._images, self._start, self._executor)

    def _origins(self) -> list[str]:
        names = {self.host, "localhost" if is_loopback(self.host) else self.host}
        if self.host in ("0.0.0.0", ""):  # noqa: S104 - a comparison
            names = {"127.0.0.1", "localhost", socket.gethostname(), socket.getfqdn()}
            with suppress(OSError):
                names |= set(socket.gethostbyname_ex(socket.gethostname())[2])
        return [f"{name.lower()}:{self.port}" for name in sorted(names) if name]

    def _run(self) -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        try:
            self._loop = IOLoop.current()
            self._server = Server(
                {"/": self._application},
                io_loop=self._loop,
                address=self.host,
                port=self.port,
                prefix=self.token,
                allow_websocket_origin=self._origins(),
                websocket_max_message_size=MAX_MESSAGE_BYTES,
            )
            self._server.start()
        except OSError as error:
            reason = error.strerror or error
            self._failure = f"port={self.port} on host={self.host} cannot be used ({reason}); choose another"
            self._ready.set()
            return
        self._loop.add_callback(self._ready.set)
        self._loop.start()
        self._loop.close(all_fds=True)

    def _stop(self) -> None:
        self._server.stop(wait=False)
        self._loop.stop()


def _usable_port(host: str, port: int) -> int:
    """Return a port after checking that it can be used; a free one for 0."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"port={port} on host={host!r} cannot be used ({reason}); choose another") from None
