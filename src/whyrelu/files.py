"""Writing a file so that it is whole or not there, and reading plain values back."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from whyrelu.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside another one, whose file takes the place of that one if all goes well, even in a power cut.

    A disk that is full or read-only is a UserError; what was there before is still there.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; nothing finished is lost") from error
    finally:
        # a part of a file would take what space there is
        with suppress(OSError):
            partial.unlink()


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file so that nobody ever sees half of it; see `replacing`."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(value: Any, path: Path) -> None:
    """Write plain values as JSON in the order they have; a number that is not finite is a ValueError."""
    write_bytes((json.dumps(value, indent=2, allow_nan=False) + "\n").encode(), path)


def read_json(path: Path, writer: str = "python src/aggregate.py") -> Any:
    """Read what `write_json` wrote; where it is missing or damaged, a UserError names the command that writes it."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {writer} writes it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): {writer} writes it again") from None
