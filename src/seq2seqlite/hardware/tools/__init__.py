"""Adapters of external tools: each module wraps one tool, with its command line and its output formats.

The package imports a module of this sub-package only when the tool is used.
"""
