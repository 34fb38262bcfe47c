"""Claims decided from files, of which only what they need is read."""

import pytest

from claims.studies import CLAIMS
from synthetic import make_records
from synthetic_layers import write_tables
from whyrelu.claims.evidence import make_evidence
from whyrelu.claims.ledger import decide
from whyrelu.claims.study import read_evidence
from whyrelu.files import read_json
from whyrelu.results.files import read_table

NAMES = ("runs", "layers", "theory", "functions", "convergence", "run_convergence")


@pytest.mark.parametrize("axes", [{}, {"norm": ["batch", "none"], "optimizer": ["adam", "sgd"]}], ids=["one", "facets"])
def test_a_part_of_the_layers_decides_as_the_whole(tmp_path, axes):
    records = make_records(["relu", "sigmoid"], depths=[2, 4], seeds=4, axes=axes)
    write_tables(records, tmp_path, overrides=["seed=range(0,4)"])
    tables = {name: read_table(tmp_path / f"{name}.parquet", []) for name in NAMES}
    provenance = read_json(tmp_path / "provenance.json")
    whole = make_evidence(**tables, overrides=provenance["overrides"], common=provenance["common"])
    part = read_evidence(tmp_path)
    assert (len(part.layers) < len(whole.layers)) == bool(axes)
    assert len(part.layers_of()) == len(whole.layers_of()) > 0
    # those whose functions look at layers
    claims = [CLAIMS[name] for name in ("C7", "C9", "C12", "C13", "C14")]
    assert decide(claims, part).entries == decide(claims, whole).entries
