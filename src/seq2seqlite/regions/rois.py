"""Archive of ROIs for the ROI manager of Fiji."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["roi_archive"]

# Characters of names that all file systems accept within the archive.
SAFE = "-_. "


def roi_archive(outlines: Mapping[str, Sequence[tuple[float, float]]], /) -> bytes:
    """Return a ``.zip`` archive of polygons for the ROI manager of Fiji.

    Parameters
    ----------
    outlines : mapping of str to sequence of (float, float)
        Vertices (x, y) of each polygon in pixels, by its name; the first pixel extends from 0 to 1.

    Returns
    -------
    bytes
        Content of the archive. Equal outlines give equal archives. Vertices are stored in float32.

    See Also
    --------
    read_regions : Read the archive.

    Examples
    --------
    >>> roi_archive({"cell": [(0.5, 0.0), (4.0, 0.0), (4.0, 3.0)]})[:2]
    b'PK'
    """
    import roifile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, (name, points) in enumerate(outlines.items(), start=1):
            roi = roifile.ImagejRoi.frompoints(np.asarray(points, np.float32), name=name)
            roi.roitype = roifile.ROI_TYPE.POLYGON
            safe = "".join(letter if letter.isalnum() or letter in SAFE else "_" for letter in name)
            archive.writestr(zipfile.ZipInfo(f"{number:02}-{safe}.roi"), roi.tobytes())
    return content.getvalue()
