"""What a command does, as one call: each module has the function of one command, with its defaults.

The functions are also available from :mod:`seq2seqlite`, e.g. ``seq2seqlite.stream``. The modules are
imported by their own names, because some of them need the extra ``train``.
"""
