"""Lifetime maps: which pixels are analysed, their lifetimes, and how reliable these are."""

from seq2seqlite.figures import lifetime_picture
from seq2seqlite.imaging.frame_analysis import Analysis, lifetime_map, map_measurement
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.imaging.sampling import analysed_decay, analysed_tpsfs
from seq2seqlite.imaging.series import frames_of, map_series
from seq2seqlite.maps import LIFETIME_MAPS, QUALITY_MAPS

__all__ = [
    "LIFETIME_MAPS",
    "MIN_PHOTONS",
    "QUALITY_MAPS",
    "Analysis",
    "MapOptions",
    "Quality",
    "analysed_decay",
    "analysed_tpsfs",
    "frames_of",
    "lifetime_map",
    "lifetime_picture",
    "map_measurement",
    "map_series",
    "neighbourhood_sum",
    "read_mask",
]
