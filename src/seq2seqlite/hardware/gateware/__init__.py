"""Gateware around the kernels, in Amaranth; docs/spec/hardware.md is its specification."""
