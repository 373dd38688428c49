"""The study that compares compression techniques, and its runs."""
