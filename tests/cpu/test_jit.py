"""Compiled functions where nothing can be kept on disk."""

import numba

from seq2seqlite.cpu import jit


def test_without_a_folder_for_numba_it_is_compiled_all_the_same(monkeypatch):
    def njit(*, nogil, cache=False):
        if cache:
            raise RuntimeError("cannot cache function 'twice': no locator available for file 'twice.py'")
        return numba.njit(nogil=nogil)

    monkeypatch.setattr(jit, "njit", njit)

    def twice(x):
        return 2 * x

    assert jit.compiled(twice)(21) == 42
