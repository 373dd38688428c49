"""Formal checks of the gateware: properties, and the faults that they find."""
