"""FPGA designs of an integer program: kernels, gateware, projects, simulation and EDA tools."""
