"""The page of ``seq2seqlite stream --view``."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from seq2seqlite.errors import InputError

__all__ = ["StreamPage"]


class StreamPage:
    """Page of a stream, from before its start until the user ends it; nothing without ``--view``.

    Parameters
    ----------
    source, model : str
        As given by the user.
    view : bool
        Whether there is a page.
    browser : bool
        Whether to open it in the browser.
    stay : bool
        Whether the page outlives the stream.
    **address
        ``host``, ``port`` and ``token``, as for :class:`~seq2seqlite.viewer.ViewServer`.
    """

    def __init__(
        self, source: str, model: str, /, *, view: bool, browser: bool, stay: bool, **address: Any
    ) -> None:
        if not view and (address["port"] or address["token"] or not stay):
            name = "--port" if address["port"] else "--token" if address["token"] else "--close-page"
            raise InputError(f"{name} is an option of the page; add --view")
        self._names, self._address = (Path(source).name, Path(model).name), address
        self._view, self._browser, self._stay = view, browser, stay
        self._server: Any = None
        self._feed: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._view:
            from seq2seqlite.viewer import LiveFeed, live_server

            self._feed = LiveFeed()
            source, model = self._names
            page = live_server(self._feed, source=source, model=model, **self._address)
            self._server = self._stack.enter_context(page)
            self._server.announce(browser=self._browser)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, InputError) and self._feed is not None:
            self._feed.fail(str(error), getattr(error, "result", None))
            if self._stay:
                print(f"the stream failed: {error}", file=sys.stderr)
        elif error is not None:
            self._stack.close()

    def hooks(self, **own: Callable[..., None]) -> dict[str, Any]:
        """Return parameters of :func:`seq2seqlite.stream`: functions of the command and of the page."""
        if self._feed is None:
            return own
        return {
            name: _both(own[name], function) if name in own else function
            for name, function in self._feed.hooks.items()
        }

    def finish(self, result: Mapping[str, Any] | None = None, /) -> None:
        """Show the result of the stream (None if it failed), and keep the page until Ctrl-C."""
        with self._stack:
            if self._server is None:
                return
            if result is not None:
                self._feed.end(result)
            if self._stay:
                print("the page stays open; Ctrl-C ends it", file=sys.stderr, flush=True)
                with suppress(KeyboardInterrupt):
                    self._server.wait()


def _both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(*arguments: Any) -> None:
        first(*arguments)
        second(*arguments)

    return call
