"""How the documentation is built: `make docs`."""

from seq2seqlite.version import __version__

project = "seq2seqlite"
author = "The seq2seqlite developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode", "numpydoc"]
exclude_patterns = ["_build", "studies"]
html_theme = "furo"
html_title = f"seq2seqlite {release}"

# A package's page has what its __all__ names, in that order.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # types stand in the docstrings, with shapes and units
numpydoc_show_class_members = False
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
