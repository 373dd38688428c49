"""Structure-aware mutation, one module for each family of formats.

Every function takes the content of a valid file and a generator, and returns the mutated content and whether
checksums were recomputed, so that the file may give another result.
"""
