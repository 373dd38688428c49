"""One colour range for the pictures of a batch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seq2seqlite.batch.jobs import Done
from seq2seqlite.figures import PictureOptions
from seq2seqlite.results.redraw import redraw_picture

__all__ = ["share_colours"]


def share_colours(results: Sequence[Done], options: PictureOptions, /) -> list[Done]:
    """Draw the pictures of a batch again where their colours or range differ from those of the batch.

    Parameters
    ----------
    results : sequence of Done
        Results of a batch. Failed files and stacks have no picture.
    options : PictureOptions
        Colours. Without limits, the range extends from the smallest lower to the largest upper limit of
        the single images.

    Returns
    -------
    list of Done
        Results with the new summaries.

    Raises
    ------
    InputError
        If maps cannot be read, or a picture cannot be written.

    See Also
    --------
    map_files : Map several measurements.
    """
    pictures = [picture for done in results if (picture := _picture(done)) is not None]
    own = [picture["own_limits"] for picture in pictures]
    if options.limits is None and own:
        options = replace(options, limits=(min(low for low, _ in own), max(high for _, high in own)))
    return [_redrawn(done, options) for done in results]


def _picture(done: Done) -> dict[str, Any] | None:
    """Return the record of the picture of an image."""
    return None if done.summary is None else done.summary.get("picture")


def _redrawn(done: Done, options: PictureOptions) -> Done:
    picture, wanted = _picture(done), options.described()
    if done.summary is None or picture is None or all(picture[key] == wanted[key] for key in wanted):
        return done
    return replace(done, summary=redraw_picture(done.folder, done.summary, options))
