"""Tables that look inside the networks, from records whose numbers are known."""

import numpy as np
import pandas as pd
import pytest

from synthetic import make_record, make_records
from synthetic_layers import COLUMNS, inspected, layers_table, theory_table
from whyrelu.errors import UserError
from whyrelu.results import inside as module
from whyrelu.results.columns import LAYER_COLUMNS, PROFILE_COLUMNS, SPECTRA_COLUMNS
from whyrelu.results.inside import InsideBuilder, ProfilesBuilder
from whyrelu.results.tables import build_tables


def inside(records, change=None, level="full"):
    """The tables of some records: runs, layers, spectra and profiles."""
    runs = build_tables(records).runs
    found = [inspected(record, level, change) for record in records]
    spectra = InsideBuilder()
    for record, _ in found:
        spectra.add(record)
    layers = layers_table(runs, found)
    theory = theory_table([record["factors"] for record in records])
    return runs, layers, spectra.spectra(runs), profiles_of(runs, theory, layers)


def profiles_of(runs, theory, *batches):
    builder = ProfilesBuilder(runs, theory)
    for batch in batches:
        builder.add(batch)
    return builder.table()


def setting(name, values):
    """Changes one column of all layers to the value that belongs to the seed of the record."""

    def change(record, layers):
        layers[:, :, COLUMNS.index(name)] = values[record["factors"]["seed"]]
        return layers

    return change


def test_every_number_of_every_layer_is_in_its_place():
    records = make_records(["relu", "sigmoid"], depths=[1, 3], seeds=2)
    runs, layers, spectra, _ = inside(records)
    assert {name: str(kind) for name, kind in layers.dtypes.items()} == LAYER_COLUMNS
    assert layers["run_id"].drop_duplicates().tolist() == runs["run_id"].tolist()
    for record in records:
        said, expected = inspected(record)
        own = layers[layers["run_id"] == record["run_id"]]
        assert own["epoch"].tolist() == np.repeat(said["diagnostics"]["epochs"], expected.shape[1]).tolist()
        assert own["layer"].tolist() == list(range(1, expected.shape[1] + 1)) * len(expected)
        found = own[list(COLUMNS)].to_numpy().reshape(expected.shape)
        assert np.allclose(found, expected, rtol=1e-6, equal_nan=True)
        second = spectra[spectra["run_id"] == record["run_id"]]
        assert second["epoch"].tolist() == [0, 2, 4]
        values = [said["diagnostics"]["spectra"][str(epoch)]["hessian_largest"] for epoch in (0, 2, 4)]
        assert np.allclose(second["hessian_largest"], values)
    assert list(spectra.columns) == list(SPECTRA_COLUMNS)


def test_runs_that_were_not_looked_into_have_no_rows():
    runs, layers, spectra, profiles = inside(make_records(), level="off")
    assert (len(runs), len(layers), len(spectra), len(profiles)) == (18, 0, 0, 0)
    assert {name: str(kind) for name, kind in layers.dtypes.items()} == LAYER_COLUMNS
    assert set(PROFILE_COLUMNS) < set(profiles.columns)


@pytest.mark.parametrize(
    ("name", "values", "mean", "n"),
    [
        # the geometric mean of magnitudes, and the mean of fractions
        ("q", [1e-6, 1e-2], 1e-4, 2),
        ("q", [1e-60, 1e60], 1, 2),
        ("dead", [0.1, 0.4], 0.25, 2),
        # one that underflowed, and one that is none
        ("gradient", [0.0, 1.0], 0, 2),
        ("gradient", [np.nan, 0.5], 0.5, 1),
    ],
)
def test_means_of_a_profile(name, values, mean, n):
    profiles = inside(make_records(["relu"], depths=[2], seeds=2), setting(name, values))[3]
    assert np.allclose(profiles[name], mean)
    assert (profiles["n"] == n).all()


def test_gradients_are_relative_to_the_last_layer_of_the_same_run():
    def change(record, layers):
        # the runs differ in their loss, not in how the gradient changes from layer to layer, but for a factor of 4
        factor = [1.0, 4.0][record["factors"]["seed"]]
        layers[:, :, COLUMNS.index("gradient")] = 10.0 ** record["factors"]["seed"] * np.array([factor * 0.01, 0.1, 1])
        return layers

    profiles = inside(make_records(["relu"], depths=[3], seeds=2), change)[3]
    first = profiles[profiles["layer"] == 1]
    assert np.allclose(first["gradient_relative"], 0.02)
    assert np.allclose(first["gradient_relative_low"], 0.01)
    assert np.allclose(first["gradient_relative_high"], 0.04)
    assert np.allclose(profiles[profiles["layer"] == 3]["gradient_relative"], 1)


def test_predictions_stand_beside_what_was_measured_at_init_only():
    records = make_records(["relu", "tanh"], depths=[4], seeds=2)
    profiles = inside(records)[3]
    at_init = profiles["epoch"] == 0
    assert profiles.loc[at_init, "predicted_q"].notna().all()
    assert profiles.loc[~at_init, "predicted_q"].isna().all()
    tanh = profiles[at_init & (profiles["activation"] == "tanh")]
    assert np.allclose(tanh["predicted_gradient_relative"], 0.9 ** ((4 - tanh["layer"]) / 2))


def test_runs_without_a_prediction_are_refused():
    records = make_records(["relu", "tanh"], depths=[2])
    runs, layers, _, _ = inside(records)
    for theory in (
        theory_table([make_record("relu", 2)["factors"]]),
        pd.DataFrame({"layer": [1], "q": [1.0]}),
        # every layer twice
        pd.concat([theory_table([record["factors"] for record in records])] * 2),
    ):
        with pytest.raises(UserError, match=r"other cells than the runs: python src/theory\.py"):
            profiles_of(runs, theory, layers)


def test_what_is_read_in_batches_is_what_is_read_at_once(monkeypatch):
    records = make_records(["tanh", "relu"], depths=[2, 3], seeds=3, axes={"norm": ["batch", "none"]})
    runs, layers, _, profiles = inside(records)
    found = {record["run_id"]: inspected(record) for record in records}
    builder = InsideBuilder()
    for record, _ in found.values():
        builder.add(record)
    monkeypatch.setattr(module, "_BATCH_ROWS", 20)
    loaded = []

    def load(record):
        loaded.append(record["run_id"])
        return found[record["run_id"]][1]

    batches = list(builder.batches(runs, load))
    # 5 epochs of 2 layers in 3 runs are more than a batch should have, and a cell is not torn
    assert [batch["run_id"].nunique() for batch in batches] == [3] * 8
    assert loaded == runs["run_id"].tolist()
    pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), layers)
    theory = theory_table([record["factors"] for record in records])
    pd.testing.assert_frame_equal(profiles_of(runs, theory, *batches), profiles, check_exact=True)


def test_records_that_name_other_columns_stand_beside_each_other():
    records = make_records(["relu"], depths=[2], seeds=2)
    runs = build_tables(records).runs
    found = [inspected(record) for record in records]
    turned = list(reversed(COLUMNS))[1:]
    said = found[1][0]["diagnostics"] | {"columns": turned}
    found[1] = {**found[1][0], "diagnostics": said}, found[1][1][:, :, ::-1][:, :, 1:]
    layers = layers_table(runs, found)
    usual = layers_table(runs, [inspected(record) for record in records])
    pd.testing.assert_frame_equal(layers.drop(columns=COLUMNS[-1]), usual.drop(columns=COLUMNS[-1]))
    assert layers.loc[layers["run_id"] == records[1]["run_id"], COLUMNS[-1]].isna().all()
