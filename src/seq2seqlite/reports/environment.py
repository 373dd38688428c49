"""Jinja environment of the report templates."""

import jinja2

__all__ = ["environment"]


def environment() -> jinja2.Environment:
    """Return the Jinja environment of the templates, with strict undefined names and HTML escaping."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("seq2seqlite.reports"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
