"""Regions of an image, and tables of their statistics.

- :func:`read_regions`: label images, Fiji ROIs and GeoJSON
- :func:`roi_archive`: outlines for the ROI manager of Fiji
- :func:`region_table`: statistics of maps by region
- :func:`region_decays`, :func:`decay_columns`: summed decays of the regions and their lifetimes
- :func:`region_rows`: both, as in ``regions.csv``
- :func:`batch_table`: tables of several measurements in one, with columns from the file names
"""

from seq2seqlite.regions.batch_table import batch_table
from seq2seqlite.regions.conditions import Conditions
from seq2seqlite.regions.decays import decay_columns, region_decays
from seq2seqlite.regions.read import read_regions, regions_file
from seq2seqlite.regions.regions import Regions
from seq2seqlite.regions.rois import roi_archive
from seq2seqlite.regions.rows import region_rows
from seq2seqlite.regions.table import STATISTICS, region_table, table_text

__all__ = [
    "STATISTICS",
    "Conditions",
    "Regions",
    "batch_table",
    "decay_columns",
    "read_regions",
    "region_decays",
    "region_rows",
    "region_table",
    "regions_file",
    "roi_archive",
    "table_text",
]
