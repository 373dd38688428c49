"""Layout of packets and results on the bus, shared by gateware, simulation and host."""
