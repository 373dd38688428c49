"""Where the templates of reports come from."""

import jinja2

__all__ = ["environment"]


def environment() -> jinja2.Environment:
    """Return the templates' environment: names must exist, HTML is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("seq2seqlite.reports"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
