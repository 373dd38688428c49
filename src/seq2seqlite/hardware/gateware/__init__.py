"""Gateware around the step kernels, in Amaranth; docs/spec/hardware.md is the normative specification."""
