"""Server of the page of a running stream."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from bokeh.document import Document

from seq2seqlite.viewer.live.feed import LiveFeed
from seq2seqlite.viewer.live.page import LivePage, LiveShared
from seq2seqlite.viewer.server import ViewServer
from seq2seqlite.viewer.state import ViewState

__all__ = ["live_server"]


@contextmanager
def live_server(feed: LiveFeed, /, *, source: str, model: str, **address: Any) -> Iterator[ViewServer]:
    """Serve the page of a running stream, from a thread of its own.

    Parameters
    ----------
    feed : LiveFeed
        Feed of the stream.
    source, model : str
        Names of source and model, as the page shows them.
    **address
        ``host``, ``port`` and ``token`` of :class:`ViewServer`.

    Yields
    ------
    ViewServer
        Running server.

    Raises
    ------
    InputError
        If the port is in use or the host is not an address of this computer.

    See Also
    --------
    LiveFeed : Newest frames and statistics of the stream.
    ViewServer : Server of the page of a file.
    """
    start = ViewState(source, model)
    with ThreadPoolExecutor(1, "live") as executor:
        shared = LiveShared(feed, executor)

        def application(doc: Document) -> None:
            LivePage(doc, shared, start)

        with ViewServer(application=application, **address) as server:
            yield server
