"""``python -m seq2seqlite``: the same as the command ``seq2seqlite``."""

import sys

from seq2seqlite.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
