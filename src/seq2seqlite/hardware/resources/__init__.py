"""Estimates of the LUTs that a design needs."""
