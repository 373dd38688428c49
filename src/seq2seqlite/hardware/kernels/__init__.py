"""The step kernels: from a program to three Verilog modules, as docs/spec/hardware.md specifies them."""

from seq2seqlite.hardware.kernels.build import Kernel, Kernels, KernelStyle, build_kernels

__all__ = ["Kernel", "KernelStyle", "Kernels", "build_kernels"]
