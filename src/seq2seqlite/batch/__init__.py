"""Many measurements, and measurements larger than memory, on any number of workers."""

from seq2seqlite.batch.jobs import AnalysedImage, Done, ImageJob, analyse_image, in_tiles, make_image
from seq2seqlite.batch.options import JobOptions
from seq2seqlite.batch.run import map_files, map_jobs
from seq2seqlite.batch.stack import Stack, Tile, open_stack

__all__ = [
    "AnalysedImage",
    "Done",
    "ImageJob",
    "analyse_image",
    "in_tiles",
    "make_image",
    "map_files",
    "map_jobs",
    "JobOptions",
    "Stack",
    "Tile",
    "open_stack",
]
