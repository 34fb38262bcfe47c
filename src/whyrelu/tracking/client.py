"""The MLflow side: connecting without waiting long, silence on the console, and errors in a few words."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from whyrelu.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A server that has not answered by then is taken as unreachable: MLflow's own two minutes, and seven more attempts,
# would be a quarter of an hour. Who has a slower server sets these variables.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    # a server that is being restarted may ask for any time, and would be given it
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_CHATTERING = ("mlflow", "alembic", "sqlalchemy", "urllib3")


class TrackingError(UserError):
    """MLflow cannot be reached or refuses; the message is one line that begins with its address."""


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Let MLflow give up soon, keep silent and report nothing home, without touching what a person has set."""
    added = {key: value for key, value in SETTINGS.items() if key not in os.environ}
    os.environ.update(added)
    levels = {name: logging.getLogger(name).level for name in _CHATTERING}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Importing MLflow sets the levels of some loggers: they are lowered after it.
            import mlflow  # noqa: F401

            for name in _CHATTERING:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for key in added:
            os.environ.pop(key, None)


def connect(uri: str) -> MlflowClient:
    """Return a client; a database is created if it is not there. Call it while holding `writing`."""
    from mlflow import MlflowClient

    if not _is_server(uri):
        _try_databases_once()
    database = sqlite_file(uri)
    if database is not None and database.exists():
        _ask_for(database)
    elif database is not None:
        # Creating one takes seconds: a process that dies meanwhile must not leave a half of it.
        partial = database.with_name(f"{database.name}.partial")
        # with its journal, which would be played into the new one
        for left in database.parent.glob(f"{partial.name}*"):
            left.unlink()
        MlflowClient(tracking_uri=f"sqlite:///{partial}").search_experiments(max_results=1)
        os.replace(partial, database)
    return MlflowClient(tracking_uri=uri)


def _is_server(uri: str) -> bool:
    return re.match(r"(https?|databricks|uc)\b", uri) is not None


def _try_databases_once() -> None:
    """Let MLflow say at once that a database cannot be opened: its own ten attempts take a hundred seconds more."""
    from mlflow.store.db import utils

    utils.MAX_RETRY_COUNT = 1


def put_aside_damaged(uri: str) -> Path | None:
    """Move the file of an sqlite address aside if it is damaged, so that a new one can be made of the runs.

    Damaged is what SQLite's own check finds. Call it while holding `writing`.

    Returns:
        Where the damaged file is now; None if there is no damage, or no such file.
    """
    database = sqlite_file(uri)
    if database is None or not database.is_file() or not _is_damaged(database):
        return None
    names = (database.with_name(f"{database.name}.damaged-{i}") for i in range(1, 1_000_000))
    aside = next(name for name in names if not name.exists())
    # its journals would be played into the new one
    for ending in ("-wal", "-shm", "-journal"):
        journal = database.with_name(f"{database.name}{ending}")
        if journal.exists():
            journal.rename(aside.with_name(f"{aside.name}{ending}"))
    database.rename(aside)
    return aside


def _ask_for(database: Path) -> None:
    """See whether a database can be written, as MLflow would several times over, each time for seconds.

    Raises:
        sqlite3.DatabaseError: it is locked, read-only or no database.
    """
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _is_damaged(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]
    except sqlite3.OperationalError:
        # it is locked or cannot be opened, which says nothing about what is in it
        return False
    except sqlite3.DatabaseError:
        return True


@contextmanager
def writing(uri: str, run_root: Path, wait: float) -> Iterator[None]:
    """Keep other processes of this project out: two that create one database, or log one run, would collide.

    Args:
        uri: MLflow's address.
        run_root: folder of the runs.
        wait: seconds to wait for another process.

    Raises:
        TrackingError: another process was still writing after that time, or the folder cannot be written.
    """
    database = sqlite_file(uri)
    path = run_root / ".mlflow.lock" if database is None else database.with_name(f"{database.name}.lock")
    lock = FileLock(path, timeout=wait)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise TrackingError(f"{without_password(uri)}: another process is still writing to it") from None
    except OSError as error:
        raise TrackingError(f"{without_password(uri)}: cannot write {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an sqlite address, absolute; None for any other address."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(match[1]).absolute() if match else None


def artifact_location(uri: str, study: str) -> str | None:
    """Return where figures and files of a study go, or None to leave it to the server.

    A database has no server to ask, so they are put beside it, whatever the working directory will be.
    """
    if _is_server(uri):
        return None
    database = sqlite_file(uri)
    folder = Path.cwd() if database is None else database.parent
    return (folder / "mlartifacts" / study).as_uri()


def without_password(text: str) -> str:
    """Return a text with what stands before the host of an address hidden."""
    return re.sub(r"://[^@/\s]+@", "://***@", text)


def reason(error: BaseException) -> str:
    """Say in a few words why MLflow could not be used."""
    message = " ".join(str(error).split())
    for sign, words in _REASONS.items():
        if found := re.search(sign, message, re.IGNORECASE):
            return found.expand(words)
    message = without_password(message.partition("(Background on this error")[0])
    if not type(error).__module__.startswith("mlflow"):
        message = f"{type(error).__name__}: {message}"
    return message if len(message) <= 200 else f"{message[:197]}..."


# What is found in MLflow's words, and what is said instead; \\1 is the first group.
_REASONS = {
    "maintenance mode": "MLflow keeps nothing in folders any more: give sqlite:///<file> or the address of a server",
    "connection refused": "connection refused",
    "timed out|timeout exception": "no answer",
    "failed to resolve|name or service not known|name resolution": "unknown host",
    "remote end closed|connection reset|connection aborted|incompleteread|broken pipe": "the connection was lost",
    "no route to host|network is unreachable": "no route to the host",
    "unable to open database file": "cannot open the database file",
    "database is locked": "the database is locked by another program",
    "file is not a database": "the file is not an sqlite database",
    "disk image is malformed": "the database file is damaged",
    "readonly database": "the database file is read-only",
    "disk is full": "the disk is full",
    r"not in a valid json format|answers there is not mlflow": "what answers there is not MLflow",
    r"failed with error code 401\b": "it wants to know who asks (401): set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    r"failed with error code 403\b": "it does not let you in (403)",
    r"failed with error code (\d+)\b": r"it answers with error \1",
    r"too many (\d+) error responses": r"it answers with error \1",
}
