"""Gateware of the link between a computer and a design, with the packets of docs/spec/link.md."""
