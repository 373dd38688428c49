"""Reports of recorded results: tables and plots as HTML, Markdown and JSON."""
