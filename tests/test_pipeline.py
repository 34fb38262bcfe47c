"""params.yaml, dvc.yaml, conf/ and the code agree: each stage names what can change its output, and nothing else."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from whyrelu.config.composition import compose_grid
from whyrelu.config.study import STAGES as NAMES
from whyrelu.config.study import stage_arguments, study_overrides
from whyrelu.runs.code_version import TRAINING_MODULES, import_closure

ROOT = Path(__file__).resolve().parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Modules that a stage imports but that cannot change what it writes: how things are said, watched and refused.
SAYS_ONLY = {
    "whyrelu.commandline",
    "whyrelu.config.explanation",
    "whyrelu.errors",
    "whyrelu.interruption",
    "whyrelu.launch.events",
    "whyrelu.memory",
    "whyrelu.launch.progress",
    "whyrelu.launch.single",
    "whyrelu.launch.workers",
    "whyrelu.theory.printing",
    "whyrelu.tracking",
}


def script_modules(script: str) -> set[str]:
    """The project's modules that a script of src/ imports, directly or not, without what only says things."""
    # tune.py runs train.py with another sweeper, and stage.py runs them all
    scripts = ("stage", "train", "tune") if script == "tune" else ("stage", script)
    text = "".join((ROOT / "src" / f"{name}.py").read_text() for name in scripts)
    direct = [module for module in re.findall(r"(?:from|import) (whyrelu[\w.]*)", text) if not says_only(module)]
    # what conf/ names in `_target_` is imported by nobody
    claims = [yaml.safe_load(path.read_text())["_target_"] for path in (ROOT / "conf/claims").glob("*.yaml")]
    networks = [name for name in TRAINING_MODULES if ".network." in name]
    named = {
        "tune": (*TRAINING_MODULES, "whyrelu.tuning.rounds"),
        "train": TRAINING_MODULES,
        "theory": networks,
        "timing": networks,
        "aggregate": [target.rpartition(".")[0] for target in claims],
    }
    closure = import_closure((*direct, *named.get(script, ())), leave_out=says_only)
    return {str(path.relative_to(ROOT)) for path in closure.values() if has_code(path)}


def has_code(path: Path) -> bool:
    """Whether a module is more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def says_only(module: str) -> bool:
    return module in SAYS_ONLY or any(module.startswith(f"{name}.") for name in SAYS_ONLY)


def expanded(deps: list[str]) -> set[str]:
    files: set[str] = set()
    for dep in deps:
        path = ROOT / dep
        files |= {str(p.relative_to(ROOT)) for p in path.rglob("*.py") if has_code(p)} if path.is_dir() else {dep}
    return files


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_depends_on_the_code_that_it_imports(stage):
    named = {dep for dep in expanded(STAGES[stage]["deps"]) if dep.endswith(".py") and "$" not in dep}
    scripts = {"src/stage.py", f"src/{stage}.py", *{"tune": ["src/train.py"]}.get(stage, [])}
    assert named == script_modules(stage) | scripts


def test_every_dependency_exists():
    for stage in STAGES.values():
        for dep in stage["deps"]:
            if "$" not in dep and not dep.startswith(("runs", "data", "results")):
                assert (ROOT / dep).exists(), dep


def test_params_are_a_grid_that_conf_can_compose():
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    jobs = compose_grid(study_overrides(ROOT / "params.yaml"), look_up=False)
    assert {job.config["study"] for job in jobs} == {params["study"]}
    assert len({job.config["activation"]["name"] for job in jobs}) == len(params["grid"]["activation"].split(","))


@pytest.mark.parametrize("stage", NAMES)
def test_a_stage_is_done_anew_when_a_parameter_changes_that_it_takes(stage, tmp_path):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    path = tmp_path / "params.yaml"

    def arguments(key, value):
        changed = {**params, "grid": {**params["grid"]}}
        (changed["grid"] if key in params["grid"] else changed)[key.rpartition(".")[2]] = value
        path.write_text(yaml.safe_dump(changed))
        return stage_arguments(stage, path)

    before = arguments("study", params["study"])
    values = {"study": "other", "activation": "elu", "depth": "3", "seed": "7", "more": "lr=1", "data": "data.md5=0"}
    taken = {key for key, value in values.items() if arguments(key, value) != before}
    named = {name.rpartition(".")[2] for name in STAGES[stage]["params"]}
    assert taken == (named - {"grid"} | set(params["grid"]) if "grid" in named else named)


def test_commands_of_stages_hold_no_parameter():
    # DVC hands them to a shell, which would run what stands in one
    assert {name: stage["cmd"] for name, stage in STAGES.items()} == {n: f"python src/stage.py {n}" for n in NAMES}


@pytest.mark.parametrize("experiment", sorted(p.stem for p in (ROOT / "conf/experiment").glob("*.yaml")))
def test_an_experiment_is_named_after_its_study(experiment):
    """`dvc exp run -S study=<name>` finds its configuration, and its results, under one name."""
    jobs = compose_grid([f"experiment={experiment}"], look_up=False)
    assert jobs[0].config["study"] == experiment
