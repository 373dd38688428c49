"""Reader of regions: label images, Fiji ROIs and GeoJSON."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.errors import InputError
from seq2seqlite.io.image_file import read_image
from seq2seqlite.io.reader_errors import reading
from seq2seqlite.limits import BoundedFile
from seq2seqlite.regions.outlines import inside_ellipse, inside_rings
from seq2seqlite.regions.regions import Regions

__all__ = ["read_regions", "regions_file"]

LABEL_SUFFIXES = (".tif", ".tiff", ".png", ".npy")
ROI_SUFFIXES = (".roi", ".zip")
GEOJSON_SUFFIXES = (".geojson", ".json")
# Fiji ROIs that enclose pixels.
AREAS = ("POLYGON", "RECT", "OVAL", "FREEHAND", "TRACED")
# Largest file of ROIs, and largest content of a ROI archive.
MAX_BYTES = 2**28


def regions_file(regions: str | Path, measurement: Path, /) -> Path:
    """Return the file of the regions of a measurement.

    Parameters
    ----------
    regions : path-like
        File; ``{stem}`` stands for the name of the measurement without its suffix, and ``{name}`` for its
        whole name.
    measurement : pathlib.Path
        Measurement.

    See Also
    --------
    read_regions : Read the file.

    Examples
    --------
    >>> regions_file("masks/{stem}_labels.tif", Path("day1/cell3.ptu")).as_posix()
    'masks/cell3_labels.tif'
    """
    text = str(regions).replace("{stem}", measurement.stem).replace("{name}", measurement.name)
    return Path(text)


def read_regions(path: str | Path, /, *, shape: tuple[int, int]) -> Regions:
    """Read the regions of an image.

    Parameters
    ----------
    path : path-like
        Label image (TIFF, PNG or ``.npy``) with whole numbers, 0 outside of all regions; ``.roi`` file or
        ``.zip`` archive of the ROI manager of Fiji; or GeoJSON with polygons in pixels, e.g. of QuPath.
    shape : tuple of int
        Shape (Y, X) of the image.

    Returns
    -------
    Regions
        Named by label, ROI or feature. A pixel belongs to an outline that contains its centre.

    Raises
    ------
    InputError
        If the file cannot be read, does not fit the image, or contains no region within it.

    See Also
    --------
    region_table : Statistics of maps by region.
    Regions : Named sets of pixels.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix in LABEL_SUFFIXES:
        labels = read_image(file, what="label image", shape=shape)
        return Regions.of_labels(labels, shape=shape, name=str(file))
    if suffix not in (*ROI_SUFFIXES, *GEOJSON_SUFFIXES):
        raise InputError(
            f"{file}: unsupported format {suffix!r} of regions; use a label image (.tif, .png, .npy), "
            "Fiji ROIs (.roi, .zip) or GeoJSON (.geojson)"
        )
    if not file.is_file():
        raise InputError(f"{file} does not exist; check the path of the regions")
    if file.stat().st_size > MAX_BYTES:
        raise InputError(f"{file} has {file.stat().st_size} bytes; regions have at most {MAX_BYTES}")
    kind = "Fiji ROI" if suffix in ROI_SUFFIXES else "GeoJSON"
    with reading(file, kind):
        outlines = _rois(file, shape) if suffix in ROI_SUFFIXES else _features(file, shape)
        regions = Regions.named(outlines, shape=shape)
    if not any(index.size for index in regions.pixels):
        raise InputError(
            f"{file} contains no region within the image of shape {shape}; draw the regions on this image"
        )
    return regions


def _rois(file: Path, shape: tuple[int, int]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield name and pixels of the ROIs of a file."""
    import roifile

    for stored, content in _roi_contents(file):
        roi = roifile.ImagejRoi.frombytes(content)
        name, kind = roi.name or stored, roi.roitype.name
        composite = roi.multi_coordinates is not None
        if kind not in AREAS:
            raise InputError(f"{file}: ROI {name!r} is of type {kind}; use ROIs with an area")
        if kind == "OVAL" and not composite and roi.integer_coordinates is None:
            yield name, inside_ellipse(roi.left, roi.top, roi.right, roi.bottom, shape=shape)
            continue
        rings = [_ring(file, f"ROI {name!r}", ring) for ring in roi.coordinates(multi=True)]
        yield name, inside_rings([ring for ring in rings if len(ring) > 2], shape=shape)


def _roi_contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the ROIs of a file or archive."""
    with BoundedFile(file) as stream:
        content = stream.read()
    if file.suffix.lower() == ".roi":
        yield file.stem, content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".roi")]
        if sum(entry.file_size for entry in entries) > MAX_BYTES:
            raise InputError(f"{file} has ROIs of more than {MAX_BYTES} bytes; save fewer ROIs")
        for entry in entries:
            yield Path(entry.filename).stem, archive.read(entry)


def _features(file: Path, shape: tuple[int, int]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield name and pixels of the features of a GeoJSON file."""
    content = json.loads(file.read_text(encoding="utf-8-sig"))
    features = content.get("features", [content]) if isinstance(content, dict) else content
    for number, feature in enumerate(features, start=1):
        geometry = feature.get("geometry", feature)
        name = _feature_name(feature, number)
        polygons = {"Polygon": lambda found: [found], "MultiPolygon": list}.get(geometry.get("type"))
        if polygons is None:
            raise InputError(
                f"{file}: feature {name!r} is of type {geometry.get('type')}; use Polygon or MultiPolygon"
            )
        parts = [
            inside_rings([_ring(file, f"feature {name!r}", ring) for ring in polygon], shape=shape)
            for polygon in polygons(geometry["coordinates"])
        ]
        yield name, np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.intp)


def _ring(file: Path, what: str, points: Any) -> NDArray[np.float64]:
    """Return the vertices (x, y) of a polygon, which must be finite."""
    ring = np.asarray(points, np.float64)[:, :2]
    if not np.isfinite(ring).all():
        raise InputError(f"{file}: {what} has a vertex that is NaN or infinite; draw it again")
    return ring


def _feature_name(feature: dict[str, Any], number: int) -> str:
    """Return the name, the classification or the number of a feature."""
    properties = feature.get("properties") or {}
    classification = properties.get("classification") or {}
    return str(properties.get("name") or classification.get("name") or number)
