"""External tools: one module each for Yosys, nextpnr and Verilator, imported when they are used."""
