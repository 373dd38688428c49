"""Choice of a measurement: a page that lists folders and the measurements in them."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from bokeh.document import Document
from bokeh.models import Div

from seq2seqlite.errors import InputError
from seq2seqlite.viewer.images import OpenedImages
from seq2seqlite.viewer.page import STATUS_STYLE, Page, template
from seq2seqlite.viewer.state import ViewState

__all__ = ["Folders", "start_folder"]

# Folders of a list; more are named by their number.
MOST_LISTED = 500
LIST_STYLE = """
:host { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; overflow: auto; }
h2 { font-size: 16px; margin: 4px 0; overflow-wrap: anywhere; }
ul { list-style: none; padding: 0 8px; margin: 4px 0 16px; }
li { padding: 3px 0; overflow-wrap: anywhere; } a { color: #0b4f8a; }
"""


def start_folder() -> tuple[Path, str]:
    """Return the folder whose content may be listed, and the relative one to begin with.

    They are the home folder of the user and the working directory; the latter alone if it is elsewhere.
    """
    home, here = Path.home().resolve(), Path.cwd().resolve()
    return (home, here.relative_to(home).as_posix()) if here.is_relative_to(home) else (here, ".")


class Folders:
    """Application of a :class:`ViewServer` that offers all measurements below a folder.

    Parameters
    ----------
    root : pathlib.Path
        Folder; nothing outside of it is listed or read.
    begin : str
        Folder, relative to ``root``, that is listed first.
    opened : callable
        Takes a folder and further parameters of the URL, and returns its measurements.
    start : ViewState
        State of a page without parameters in its URL; its file is ignored.
    executor : concurrent.futures.Executor
        Threads that compute.

    See Also
    --------
    ViewServer : Server with the application.
    """

    def __init__(
        self,
        root: Path,
        begin: str,
        opened: Callable[[Path, dict[str, str]], OpenedImages],
        start: ViewState,
        executor: Executor,
        /,
    ) -> None:
        self.root, self.begin, self.start, self.executor = root.resolve(), begin, start, executor
        self._open = opened
        self._images: dict[str, OpenedImages] = {}

    def __call__(self, doc: Document) -> None:
        """Fill the document of a session: the page of a measurement, or a list of a folder."""
        arguments = doc.session_context.request.arguments if doc.session_context else {}
        given = {key: values[0].decode("utf-8", "replace") for key, values in arguments.items()}
        relative, message = given.get("folder", self.begin), ""
        try:
            if "file" in given:
                images = self.images(relative)
                Page(doc, images, replace(self.start, file=next(iter(images.files()))), self.executor)
                return
            listed = self.listing(relative)
        except InputError as error:
            message, listed = str(error), self.listing(".")
        doc.add_root(Div(name="listing", text=listed, stylesheets=[LIST_STYLE], sizing_mode="stretch_both"))
        status = f"<span class='error'>{escape(message)}</span>" if message else "Choose a measurement"
        doc.add_root(Div(name="status", text=status, stylesheets=[STATUS_STYLE], sizing_mode="stretch_width"))
        doc.template, doc.title = template(), "seq2seqlite"
        doc.template_variables.update(parts=["listing"])

    def folder(self, relative: str, /) -> Path:
        """Return a folder by its path relative to the root.

        Raises
        ------
        InputError
            If it does not exist or is outside of the root.
        """
        try:
            found = (self.root / relative).resolve()
            if found.is_relative_to(self.root) and found.is_dir():
                return found
        except (OSError, ValueError):
            pass
        raise InputError(f"folder={relative[:80]!r} is not offered by this page; choose another one")

    def images(self, relative: str, /) -> OpenedImages:
        """Return the measurements of a folder.

        Raises
        ------
        InputError
            If the folder is not offered or contains no measurement.
        """
        folder = self.folder(relative)
        key = folder.relative_to(self.root).as_posix()
        if key not in self._images:
            self._images = {key: self._open(folder, {"folder": key})}  # one folder's maps stay in memory
        return self._images[key]

    def listing(self, relative: str, /) -> str:
        """Return the measurements and folders of a folder as HTML.

        Raises
        ------
        InputError
            If the folder is not offered or cannot be read.
        """
        folder = self.folder(relative)
        key = folder.relative_to(self.root).as_posix()
        try:
            inside = sorted(
                item.name for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")
            )
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"folder={relative[:80]!r} cannot be read ({reason}); choose another one"
            ) from None
        try:
            files = list(self._open(folder, {}).files())
        except InputError:
            files = []
        above = [] if folder == self.root else [_link("Folder above", folder=f"{key}/..")]
        measurements = [_link(name, folder=key, file=name) for name in files[:MOST_LISTED]]
        folders = [_link(f"{name}/", folder=f"{key}/{name}") for name in inside[:MOST_LISTED]]
        more = max(len(files), len(inside)) - MOST_LISTED
        return (
            f"<h2>Measurements in {escape(str(folder))}</h2>{_list(measurements) or '<p>None.</p>'}"
            f"<h2>Folders</h2>{_list([*above, *folders]) or '<p>None.</p>'}"
            + (f"<p>{more:,} more are not listed; open their folder by view FOLDER.</p>" if more > 0 else "")
        )


def _link(label: str, **query: str) -> str:
    return f'<a href="?{escape(urlencode(query))}">{escape(label)}</a>'


def _list(items: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>" if items else ""
