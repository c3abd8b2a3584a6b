"""A store of stages is replaced, whatever a killed stage left in it; and observables called as the folder of probes is."""

import thalweg

STUDY = {
    "name": "two",
    "landscape": {"kind": "expression", "variables": {"x": [3]}, "value": "sum(x**2)", "observables": {"probe": "x[0]"}},
    "init": {"kind": "normal"},
    "optimizers": [{"kind": "sgd", "lr": 0.1}],
    "seeds": 2,
    "steps": 4,
    "stages": [{"name": "first"}, {"name": "second", "from": "first", "steps": 8}],
}


def test_what_a_killed_stage_left_goes(tmp_path, capsys):
    path = tmp_path / "two.zarr"
    thalweg.run(STUDY, path)
    (path / ".second.lock").touch()
    (path / ".second.checkpoints").mkdir()
    (path / ".second.checkpoints" / "sgd-0-0.npz").write_bytes(b"half")
    (path / ".notes.lock").write_text("somebody's")
    thalweg.run(STUDY, path, overwrite=True)
    assert sorted(p.name for p in path.iterdir()) == [".notes.lock", "first", "second", "zarr.json"]
    assert "kept what is not thalweg's: .notes.lock" in capsys.readouterr().err


def test_an_observable_may_be_called_probe(tmp_path):
    path = tmp_path / "one.zarr"
    study = {key: value for key, value in STUDY.items() if key != "stages"}
    thalweg.run(study, path)
    thalweg.run(study, path, overwrite=True)
    again = thalweg.open_run(path)["sgd"]
    assert again.probe.dims == ("seed", "step")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.zarr"]
