"""Readers of time-gated cameras, and the corrections of their images."""
