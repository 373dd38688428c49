"""Archives of ROIs for Fiji."""

import zipfile

import numpy as np
import roifile

from seq2seqlite.regions import read_regions, roi_archive
from seq2seqlite.regions.outlines import inside_rings

OUTLINES = {
    "cell/1 µ": ((0.5, 0.2), (7.9, 1.1), (5.0, 6.6)),
    "beyond": ((-2.0, -3.0), (3.0, -3.0), (3.0, 2.5), (-2.0, 2.5)),
}


def test_an_archive_has_the_pixels_and_names_of_its_outlines(tmp_path):
    file = tmp_path / "regions.zip"
    file.write_bytes(roi_archive(OUTLINES))
    found = read_regions(file, shape=(8, 9))
    assert found.names == tuple(OUTLINES)
    for pixels, points in zip(found.pixels, OUTLINES.values(), strict=True):
        np.testing.assert_array_equal(pixels, inside_rings([np.array(points)], shape=(8, 9)))


def test_fiji_gets_polygons_below_safe_names(tmp_path):
    file = tmp_path / "regions.zip"
    file.write_bytes(roi_archive(OUTLINES))
    assert zipfile.ZipFile(file).namelist() == ["01-cell_1 µ.roi", "02-beyond.roi"]
    first, second = roifile.roiread(file)
    assert (first.name, first.roitype) == ("cell/1 µ", roifile.ROI_TYPE.POLYGON)
    np.testing.assert_allclose(second.coordinates(), OUTLINES["beyond"])
    assert roi_archive(OUTLINES) == file.read_bytes()
