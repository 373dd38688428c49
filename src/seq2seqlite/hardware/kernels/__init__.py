"""The step kernels: from a program to three Verilog modules. Specification: docs/spec/hardware.md, section Kernels."""

from seq2seqlite.hardware.kernels.build import Kernel, Kernels, KernelStyle, build_kernels

__all__ = ["Kernel", "KernelStyle", "Kernels", "build_kernels"]
