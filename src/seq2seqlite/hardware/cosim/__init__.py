"""Simulation of kernels, engines and designs in Verilator."""
