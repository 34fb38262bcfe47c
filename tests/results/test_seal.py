"""Checksums inside parquet and CSV: any changed bit is found, and other readers see nothing of them."""

import io
import random

import pandas as pd
import pytest

from whyrelu.results.seal import check_content, check_rows, sealed, with_checks


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"a": range(50), "b": [f"text {i}" for i in range(50)]}).to_parquet(buffer, index=False)
    return buffer.getvalue()


def test_any_changed_bit_of_a_sealed_file_is_found_or_was_in_the_mark() -> None:
    whole, draw, passed = sealed(parquet()), random.Random(0), 0
    check_content(whole)
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        try:
            check_content(damaged)
        except ValueError:
            continue
        # what told that there is a checksum is gone, and what it is of is whole
        passed += 1
        assert pd.read_parquet(io.BytesIO(damaged)).equals(pd.read_parquet(io.BytesIO(whole)))
    assert passed < 100


def test_other_readers_see_nothing_and_files_without_a_seal_pass() -> None:
    plain = parquet()
    check_content(plain)
    assert pd.read_parquet(io.BytesIO(sealed(plain))).equals(pd.read_parquet(io.BytesIO(plain)))
    assert sealed(plain) == sealed(plain) != plain


def test_rows_of_csv_have_checksums() -> None:
    text = with_checks("cell,lr\nx,0.1\ny,0.0316\n")
    check_rows(text)
    check_rows("cell,lr\nx,0.1\n")
    check_rows("")
    assert pd.read_csv(io.StringIO(text))["lr"].tolist() == [0.1, 0.0316]
    for damaged in (text.replace("0.0316", "0.0312"), text[:-2], text.replace("x", "y")):
        with pytest.raises(ValueError, match=r"line [23] is not what was written"):
            check_rows(damaged)
