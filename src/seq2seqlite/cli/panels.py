"""Headings of the groups of options in the help of commands with many options."""

__all__ = ["CAMERA", "FIGURES", "MAXIMUM_LIKELIHOOD", "PHASORS", "READING", "RESPONSE", "TABLES", "WORKERS"]

READING = "Reading the measurement"
CAMERA = "Corrections of a camera"
RESPONSE = "Instrument response"
MAXIMUM_LIKELIHOOD = "Maximum-likelihood fit"
FIGURES = "Figures"
PHASORS = "Phasors"
TABLES = "Regions and tables"
WORKERS = "Formats and workers"
