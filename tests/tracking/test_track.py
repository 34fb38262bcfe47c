import sys

import pytest

from synthetic import make_records
from tracking_lab import Lab

pytest_plugins = ["tracking_fixtures"]


@pytest.mark.slow
def test_the_command_tells_what_it_did_and_how_to_look_at_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import track

    lab.add(*make_records(["relu"], [2], seeds=2))
    monkeypatch.setattr(sys, "argv", ["track.py", f"mlflow.tracking_uri={lab.uri}", f"run_root={lab.runs}"])
    track.main()
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "written: 2 runs, 1 cells; there already: 0 runs"
    assert f"mlflow ui --backend-store-uri {lab.uri}" in out[1]


def test_the_command_needs_an_address(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import track

    monkeypatch.setattr(sys, "argv", ["track.py", "mlflow.tracking_uri=null"])
    with pytest.raises(SystemExit) as left:
        track.main()
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("error: mlflow.tracking_uri is null")
