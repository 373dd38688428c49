"""Lifetime maps: which pixels, what they are, how good they are, and how they are written."""

from seq2seqlite.imaging.frame_analysis import FrameAnalysis, lifetime_map
from seq2seqlite.imaging.map_writer import FORMATS, write_maps
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.picture import lifetime_picture
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.imaging.sampling import analysed_tpsfs
from seq2seqlite.imaging.summary import summarise
from seq2seqlite.maps import LIFETIME_MAPS, QUALITY_MAPS

__all__ = [
    "FORMATS",
    "LIFETIME_MAPS",
    "MIN_PHOTONS",
    "QUALITY_MAPS",
    "FrameAnalysis",
    "Quality",
    "analysed_tpsfs",
    "lifetime_map",
    "lifetime_picture",
    "neighbourhood_sum",
    "read_mask",
    "summarise",
    "write_maps",
]
