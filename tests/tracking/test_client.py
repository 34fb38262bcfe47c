import os
from pathlib import Path

import pytest

from whyrelu.errors import UserError
from whyrelu.tracking.client import (
    SETTINGS,
    artifact_location,
    quiet_mlflow,
    reason,
    sqlite_file,
    without_password,
    writing,
)


def test_files_of_a_study_are_put_beside_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite_file("sqlite:///mlflow.db") == tmp_path / "mlflow.db"
    assert sqlite_file("sqlite:////elsewhere/a.db?timeout=3") == Path("/elsewhere/a.db")
    assert artifact_location("sqlite:///sub/mlflow.db", "digits") == (tmp_path / "sub/mlartifacts/digits").as_uri()
    assert artifact_location("http://localhost:5000", "digits") is None


def test_passwords_are_not_shown() -> None:
    assert without_password("http://me:secret@host:5000") == "http://***@host:5000"
    assert "secret" not in reason(ValueError("cannot reach postgresql://me:secret@host/db"))


def test_reasons_are_few_words() -> None:
    assert reason(OSError("... [Errno 111] Connection refused'))")) == "connection refused"
    assert len(reason(ValueError("long\n" * 1000))) <= 200


def test_waiting_for_another_process_ends(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with (
        writing(uri, tmp_path, wait=0),
        pytest.raises(UserError, match="another process"),
        writing(uri, tmp_path, 0.05),
    ):
        pass


@pytest.mark.slow
def test_settings_of_mlflow_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    with quiet_mlflow():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == SETTINGS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    assert dict(os.environ) == before
