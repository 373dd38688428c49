"""Page in the browser: lifetime map, histogram, decay of a pixel or or region.

- :class:`ViewServer`: server of the page
- :class:`OpenedImages`: measurements that it may read
- :class:`ViewState`: choices of a page, as in its URL
- :class:`LiveFeed`, :func:`live_server`: page of a running stream
- :func:`self_test`: time until the first map and until the decay of a clicked pixel
"""

from seq2seqlite.viewer.images import DEFAULT_MODEL, OpenedImage, OpenedImages, SelectedDecay
from seq2seqlite.viewer.live.feed import LiveFeed
from seq2seqlite.viewer.live.server import live_server
from seq2seqlite.viewer.self_test import self_test
from seq2seqlite.viewer.server import ViewServer
from seq2seqlite.viewer.state import Outline, ViewState

__all__ = [
    "DEFAULT_MODEL",
    "LiveFeed",
    "OpenedImage",
    "OpenedImages",
    "Outline",
    "SelectedDecay",
    "ViewServer",
    "ViewState",
    "live_server",
    "self_test",
]
