"""Estimates of the FPGA resources of students and designs."""
