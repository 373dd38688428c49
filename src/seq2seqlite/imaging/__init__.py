"""Lifetime maps: which pixels, what they are, how good they are, and how they are written."""

from seq2seqlite.figures import lifetime_picture
from seq2seqlite.imaging.frame_analysis import Analysis, lifetime_map, map_measurement
from seq2seqlite.imaging.map_outputs import FORMATS
from seq2seqlite.imaging.map_writer import write_maps
from seq2seqlite.imaging.mask import MIN_PHOTONS, neighbourhood_sum, read_mask
from seq2seqlite.imaging.options import MapOptions
from seq2seqlite.imaging.phasor_maps import map_phasors, phasor_record
from seq2seqlite.imaging.quality import Quality
from seq2seqlite.imaging.sampling import analysed_decay, analysed_tpsfs
from seq2seqlite.imaging.series import frames_of, map_series
from seq2seqlite.imaging.summary import Summary
from seq2seqlite.imaging.summed_decay import summed_decay
from seq2seqlite.maps import LIFETIME_MAPS, QUALITY_MAPS

__all__ = [
    "FORMATS",
    "LIFETIME_MAPS",
    "MIN_PHOTONS",
    "QUALITY_MAPS",
    "Analysis",
    "MapOptions",
    "Quality",
    "Summary",
    "analysed_decay",
    "analysed_tpsfs",
    "frames_of",
    "lifetime_map",
    "lifetime_picture",
    "map_measurement",
    "map_phasors",
    "map_series",
    "neighbourhood_sum",
    "phasor_record",
    "read_mask",
    "summed_decay",
    "write_maps",
]
