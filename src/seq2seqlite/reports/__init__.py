"""Reports: tables and plots from recorded results, as HTML, Markdown and JSON."""
