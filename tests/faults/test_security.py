"""Attacks through what others may give a person: data, checkpoints, settings. A marker file tells of a success."""

import http.client
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from typed import forked
from whyrelu.config.targets import bind
from whyrelu.config.composition import compose
from whyrelu.config.hydra_settings import check_hydra_settings
from whyrelu.config.study import STAGES
from whyrelu.errors import UserError
from whyrelu.launch.on_submitit import SubmititJobs
from whyrelu.launch.workers import Needs
from whyrelu.results.aggregation import finished_records
from whyrelu.training.checkpoint import AtomicCheckpointIO, usable

ROOT = Path(__file__).resolve().parents[2]


class Attack:
    """A pickle that makes a marker file when it is read."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "owned"
    yield path
    assert not path.exists()


# pickles


def test_the_attack_works_where_pickles_are_trusted(tmp_path):
    pickle.loads(pickle.dumps(Attack(tmp_path / "really")))
    assert (tmp_path / "really").exists()


def test_a_checkpoint_runs_nothing_and_its_run_begins_anew(tmp_path, marker):
    path = tmp_path / "checkpoint.ckpt"
    for content in ({"state_dict": Attack(marker)}, Attack(marker)):
        torch.save(content, path)
        for weights_only in (None, False, True):
            with pytest.raises(pickle.UnpicklingError):
                AtomicCheckpointIO().load_checkpoint(path, weights_only=weights_only)
        assert not usable(path)
        assert not path.exists()
    path.write_bytes(pickle.dumps(Attack(marker)))
    assert not usable(path)


# targets

FOREIGN = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "subprocess.run",
    "builtins.eval",
    "builtins.exec",
    "builtins.__import__",
    "sys.exit",
    "shutil.rmtree",
    "pickle.loads",
    "ctypes.CDLL",
    "importlib.import_module",
    "runpy.run_path",
    "functools.partial",
    "code.interact",
    "torch.os.system",
    "torch.nn.functional.torch.tanh",
    "torch.save",
    "torch.load",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "torch.nn.ReLU.__init__",
    "torch.jit.RecursiveScriptModule",
    "torch.distributed.nn.RemoteModule",
    "numpy.load",
    "joblib.load",
    "pandas.read_pickle",
    "hydra.utils.instantiate",
    "whyrelu.data.sources.shutil.rmtree",
    "whyrelu.runs.store.refresh",
    "mine.os.system",
    "mine.system",
    "mine.Popen",
    "mine.save",
]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import functools, os, torch\nfrom os import system\nfrom subprocess import Popen\nfrom torch import save\n"
        "def f(x):\n    return x\n\nclass Plain:\n    def __call__(self, x):\n        return x\n\n"
        "partial = functools.partial(torch.nn.functional.leaky_relu, negative_slope=0.2)\nmade = torch.nn.ReLU()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mine", None)


@pytest.mark.parametrize("kind", ["activation", "model", "norm", "init", "optimizer", "claim"])
@pytest.mark.parametrize("target", FOREIGN)
def test_what_a_group_has_no_use_for_is_refused_before_it_is_called(mine, marker, kind, target):
    group = {"name": "x", "_target_": target, "args": f"touch {marker}", "shell": True}
    with pytest.raises(UserError, match=f"^{kind} '{re.escape(target)}' is refused: ") as caught:
        bind(kind, group)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["mine.f", "mine.Plain", "mine.partial", "mine.made", "torch.Tensor.tanh"])
def test_what_a_person_has_written_or_made_is_admitted(mine, target):
    assert bind("activation", {"name": "x", "_target_": target}).func is not None


@pytest.mark.parametrize(
    "settings",
    [
        {"callbacks": {"x": {"_target_": "os.system", "command": "touch {}"}}},
        {"callbacks": {"x": {"_target_": "torch.hub.load", "source": "local"}}},
        {
            "callbacks": {
                "x": {"_target_": "hydra.experimental.callbacks.PickleJobInfoCallback", "y": {"_target_": "a.b"}}
            }
        },
        {"callbacks": {"x": "${evil}"}},
        {"callbacks": "${evil}"},
        {"launcher": {"_target_": "subprocess.Popen"}},
        {"launcher": {"_target_": "hydra_plugins.x.Y", "init": {"x": {"_target_": "torch.hub.load"}}}},
        {"launcher": {"_target_": "hydra_plugins.x.Y", "init": "${evil}"}},
        {"sweeper": {"_target_": "hydra_plugins.x.Y", "sampler": {"_target_": "torch.load"}}},
        {"sweeper": {"_target_": "hydra_plugins.x.Y", "custom_search_space": "os.system"}},
        {"job_logging": {"handlers": {"x": {"class": "subprocess.Popen"}}}},
        {"job_logging": {"handlers": {"x": {"()": "torch.hub.load"}}}},
        {"hydra_logging": {"formatters": {"x": {"class": "${evil.name}"}}}},
        {"job_logging": {"handlers": {"x": {"class": "logging.StreamHandler", "stream": "ext://os.environ"}}}},
    ],
)
def test_settings_of_hydra_name_nothing_foreign(settings):
    config = OmegaConf.create({"hydra": settings, "evil": {"_target_": "torch.hub.load", "name": "os.system"}})
    with pytest.raises(UserError, match=r"^hydra\..* is refused"):
        check_hydra_settings(config)


# names


@pytest.mark.parametrize("name", ["<script>", "x](javascript:alert", "a|b", "`x`", "a\nb", "../x", ".x", "\x1b[31m"])
def test_names_cannot_mean_something_in_pages_or_paths(name):
    quoted = name.replace("\n", "\\n").replace("\x1b", "\\x1b")
    for group in ("activation", "init", "optimizer"):
        with pytest.raises(UserError, match=rf"^setting {group}\.name must"):
            compose(
                [f'{group}.name="{quoted}"' if "\\" not in quoted else f"{group}.name=${{oc.decode:'\"{quoted}\"'}}"]
            )


@pytest.mark.parametrize("study", ["../x", "/tmp/x", ".x", "a/b", "<b>"])
def test_a_study_cannot_be_written_elsewhere_by_its_name(study):
    with pytest.raises(UserError, match=r"^setting study must be usable as a folder name"):
        compose([f'study="{study}"'])


def test_a_run_of_somebody_else_brings_no_marks_into_pages():
    record = {"run_id": "0", "status": "completed", "config": {"activation": {"name": "x](javascript:alert(1))"}}}
    with pytest.raises(UserError, match=r"^run 0: activation\.name must not hold"):
        list(finished_records([record], ""))


# shells


def test_a_setting_of_a_batch_system_is_one_line_of_its_script(tmp_path):
    with pytest.raises(UserError, match=r"^hydra\.launcher\.slurm_partition must be one line"):
        SubmititJobs(None, Needs(), "slurm", tmp_path, 1, {"slurm_partition": "x\ntouch owned"})


SHELL = ["; touch owned", "$(touch owned)", "`touch owned`", "'; touch owned; '", '"; touch owned; "', "| touch owned"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what DVC and the first stage need."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src", "conf", ".dvc"):
        ignored = shutil.ignore_patterns("tmp", "cache", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("value", [*SHELL, "x\ntouch owned\n"])
def test_dvc_gives_no_value_of_params_to_a_shell(checkout, value):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key in ("study", "data"):
        (checkout / "params.yaml").write_text(yaml.safe_dump(params | {key: value}))
        command = [Path(sys.executable).with_name("dvc"), "repro", "prepare"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(command, cwd=checkout, env=os.environ | {"PATH": path}, capture_output=True, text=True)
        assert done.returncode != 0
        assert not (checkout / "owned").exists(), key


@pytest.mark.parametrize("key", ["activation", "depth", "seed", "more"])
@pytest.mark.parametrize("value", SHELL)
def test_values_of_the_grid_reach_the_script_as_they_are(checkout, key, value):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["grid"][key] = value
    (checkout / "params.yaml").write_text(yaml.safe_dump(params))
    done = forked(checkout, "stage.py", "aggregate")
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*\n", done.stderr)
    assert not (checkout / "owned").exists()


def test_commands_of_stages_are_without_values():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {name: stage["cmd"] for name, stage in stages.items()} == {n: f"python src/stage.py {n}" for n in STAGES}


# what is installed and served


def test_every_line_of_the_lock_has_its_hashes_and_no_index():
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(requirements) > 100
    for line in requirements:
        assert re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
    assert "://" not in text
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


def test_the_weekly_job_audits_the_lock():
    job = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text())
    assert {"run": "make audit"} in job["jobs"]["audit"]["steps"]
    # without --strict, what cannot be looked up passes
    assert re.search(r"pip-audit .*--strict .*--requirement requirements\.lock", (ROOT / "Makefile").read_text())


def status(port, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.slow
def test_mlflow_answers_this_machine_by_its_name_alone(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "mlflow").symlink_to(Path(sys.executable).with_name("mlflow"))
    (venv / "installed").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true"}
    started = subprocess.Popen(
        ["make", "mlflow", f"MLFLOW_PORT={port}"],
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                status(port, f"127.0.0.1:{port}")
                break
            except OSError:
                assert started.poll() is None
                time.sleep(0.5)
        assert status(port, f"127.0.0.1:{port}") == status(port, f"localhost:{port}") == 200
        for host in ("evil.example", f"evil.example:{port}", f"10.0.0.5:{port}", f"127.0.0.1.evil.example:{port}"):
            assert status(port, host) == 403, host
        # another interface of this machine, which is not listened to
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait()
