"""FPGA designs of an integer program: kernels, what surrounds them, and the tools that measure them."""
