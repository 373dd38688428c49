"""Results of one measurement: summed decay, phasors and summary, and maps and pictures as files."""

from seq2seqlite.results.map_outputs import FORMATS
from seq2seqlite.results.map_writer import write_maps
from seq2seqlite.results.phasor_maps import map_phasors, phasor_record
from seq2seqlite.results.summary import Summary
from seq2seqlite.results.summed_decay import summed_decay

__all__ = ["FORMATS", "Summary", "map_phasors", "phasor_record", "summed_decay", "write_maps"]
