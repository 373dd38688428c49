"""Fuzz test of every file format that is read; see CONTRIBUTING.md."""
