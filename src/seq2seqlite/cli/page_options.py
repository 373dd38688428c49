"""Options of the pages in the browser."""

from typing import Annotated

import typer

__all__ = ["BrowserOption", "HostOption", "LOOPBACK", "PortOption", "TokenOption"]

# As in seq2seqlite.viewer.server, which needs Bokeh.
LOOPBACK = "127.0.0.1"

PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any free one")]
HostOption = Annotated[
    str,
    typer.Option(help="Address to listen on. Any other than this computer's own adds a token to the URL"),
]
TokenOption = Annotated[
    bool,
    typer.Option(
        "--token", help="Add a token to the URL also on this computer, against its other users and programs"
    ),
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser")]
