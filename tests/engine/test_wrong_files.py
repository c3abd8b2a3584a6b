"""Wrong spec files through the command line: exit code 2, one clear line that says where and what is allowed, nothing written."""

import sys

import numpy as np
import pytest
from thalweg.engine import cli

GOOD = """\
name: good
landscape:
  kind: expression
  variables: [x, y]
  parameters: {k: 20.0, slope: 0.05}
  value: "k/2*(y - sin(x))**2 - slope*x"
  observables: {hill: "k/2*(y - sin(x))**2"}
init: {kind: point, at: [0.0, 1.0]}
noise: {kind: gaussian, scale: 0.5}
optimizers:
  - kind: sgd
    lr: {logspace: [1.0e-3, 1.0e-2, 3]}
    schedule: {kind: wsd, warmup: 2, decay: 0.2}
  - kind: adam
    lr: [0.001, 0.01]
    beta2: {values: [0.99, 0.999]}
seeds: 2
steps: 10
record: {every: 5}
"""


def bomb():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]
    return "\n".join(lines) + "\n"


CHANGES = {  # id: (text in GOOD, its replacement, words in the message)
    "unknown kind of optimizer": ("kind: adam", "kind: adm", ["wrong.yaml:14", "optimizers[1]", "did you mean 'adam'", "known: "]),
    "unknown kind of landscape": ("kind: expression", "kind: rosenbroc", ["wrong.yaml", "landscape", "did you mean 'rosenbrock'"]),
    "unknown kind of noise": ("kind: gaussian", "kind: gausian", ["wrong.yaml:9", "did you mean 'gaussian'"]),
    "unknown kind of schedule": ("kind: wsd,", "kind: wsdd,", ["did you mean 'wsd'"]),
    "unknown key at the top": ("seeds: 2", "sedes: 2", ["wrong.yaml:17:1", "unknown key 'sedes'", "did you mean 'seeds'"]),
    "unknown key in an optimizer": ("beta2:", "beta3:", ["wrong.yaml:16:5", "optimizers[1].beta3", "allowed: "]),
    "unknown key in a schedule": ("warmup: 2", "warm_up: 2", ["optimizers[0].schedule", "did you mean 'warmup'"]),
    "unknown key in record": ("every: 5", "evry: 5", ["record.evry", "did you mean 'every'"]),
    "no kind": ("kind: adam\n    lr", "lr", ["optimizers[1]", "needs a `kind`|with a `kind`"]),
    "missing steps": ("steps: 10\n", "", ["steps", "required"]),
    "missing name": ("name: good\n", "", ["name", "required"]),
    "a name with slashes": ("name: good", "name: ../../etc/passwd", ["wrong.yaml:1", "name"]),
    "a label with slashes": ("kind: adam\n", "kind: adam\n    label: a/b\n", ["label"]),
    "equal labels": ("kind: adam\n", "kind: adam\n    label: sgd\n", ["two optimizers are called 'sgd'"]),
    "text for a number": ("steps: 10", "steps: many", ["wrong.yaml:18", "steps", "must be a number", "'many'"]),
    "truth value for a number": ("seeds: 2", "seeds: true", ["seeds", "must be a number"]),
    "fraction for a count": ("seeds: 2", "seeds: 2.5", ["seeds", "2.5"]),
    "zero steps": ("steps: 10", "steps: 0", ["steps", "greater than or equal to 1"]),
    "negative seeds": ("seeds: 2", "seeds: -2", ["seeds", "greater than or equal to 1"]),
    "NaN": ("scale: 0.5", "scale: .nan", ["noise.scale", "finite"]),
    "infinity": ("k: 20.0", "k: .inf", ["landscape.parameters.k", "finite"]),
    "NaN in the start": ("[0.0, 1.0]", "[0.0, .nan]", ["init.at", "finite"]),
    "negative noise": ("scale: 0.5", "scale: -0.5", ["noise.scale", "greater than or equal to 0"]),
    "beta2 of one": ("0.999]", "1.0]", ["beta2", "less than 1"]),
    "list for a mapping": ("noise: {kind: gaussian, scale: 0.5}", "noise: [1, 2]", ["noise", "kind"]),
    "start of another size": ("[0.0, 1.0]", "[0.0, 1.0, 2.0]", ["wrong.yaml:8", "init.at", "3 components given", "has 2"]),
    "noise components of another size": ("scale: 0.5", "scale: 0.5, components: [1.0]", ["noise.components", "1 components given"]),
    "undefined name": ('slope*x"', 'slop*x"', ["'slop' is not defined", "did you mean 'slope'"]),
    "unknown function": ("sin(x))**2 - ", "sine(x))**2 - ", ["no function 'sine'", "did you mean"]),
    "code in a formula": ('"k/2*(y - sin(x))**2 - slope*x"', "\"__import__('os').system('touch pwned')\"", ["landscape"]),
    "attribute in a formula": ('"k/2*(y - sin(x))**2 - slope*x"', '"x.__class__"', ["attribute"]),
    "division by zero": ('"k/2*(y - sin(x))**2 - slope*x"', '"x/0"', ["division by zero"]),
    "power tower": ('"k/2*(y - sin(x))**2 - slope*x"', '"9**9**9**9"', ["too large|finite"]),
    "variables and vector": ("variables: [x, y]", "variables: [x, y]\n  vector: {dim: 3}", ["either `variables`"]),
    "empty sweep": ("lr: [0.001, 0.01]", "lr: []", ["optimizers[1].lr", "empty sweep"]),
    "sweep in a sweep": ("lr: [0.001, 0.01]", "lr: [[0.001], 0.01]", ["sweep inside a sweep"]),
    "sweep value twice": ("lr: [0.001, 0.01]", "lr: [0.01, 0.01]", ["twice"]),
    "logspace through zero": ("[1.0e-3, 1.0e-2, 3]", "[0.0, 1.0e-2, 3]", ["two positive ends"]),
    "logspace of two numbers": ("[1.0e-3, 1.0e-2, 3]", "[1.0e-3, 1.0e-2]", ["three numbers"]),
    "logspace of no values": ("[1.0e-3, 1.0e-2, 3]", "[1.0e-3, 1.0e-2, 0]", ["at least 1"]),
    "huge sweep": ("[1.0e-3, 1.0e-2, 3]", "[1.0e-3, 1.0e-2, 1000000000]", ["at most 1000000"]),
    "huge seeds": ("seeds: 2", "seeds: 1000000000000", ["seeds", "less than or equal to"]),
    "huge product": ("k: 20.0", "k: {linspace: [1, 2, 100000]}, a: {linspace: [1, 2, 100000]}", ["runs; at most"]),
    "minibatches without data": ("{kind: gaussian, scale: 0.5}", "{kind: minibatch}", ["wrong.yaml:9", "made of data"]),
    "unknown variable": ("{every: 5}", "{every: 5, variables: [los]}", ["record.variables", "did you mean 'loss'"]),
    "two ways to record": ("{every: 5}", "{every: 5, last: true}", ["choose one of"]),
    "record beyond the end": ("{every: 5}", "{at: [11]}", ["record.at", "beyond the 10 steps"]),
    "zip of an unknown field": ("seeds: 2", "seeds: 2\nzip: [[adam.lr, adam.beta9]]", ["zip", "did you mean 'adam.beta2'"]),
    "zip of different lengths": ("seeds: 2", "seeds: 2\nzip: [[adam.lr, sgd.lr]]", ["different lengths"]),
    "claim without comparison": ("seeds: 2", "seeds: 2\nclaims: [{name: c, measure: loss}]", ["exactly one of"]),
    "claim about nobody": ("seeds: 2", "seeds: 2\nclaims: [{name: c, measure: loss, less_than: 1, group: sdg}]", ["did you mean 'sgd'"]),
    "claim about nothing": ("seeds: 2", "seeds: 2\nclaims: [{name: c, measure: final(los), less_than: 1}]", ["did you mean 'loss'"]),
    "claim that runs code": ("seeds: 2", "seeds: 2\nclaims: [{name: c, measure: __import__(1), less_than: 1}]", ["no function"]),
    "duplicate key": ("seeds: 2", "seeds: 2\nseeds: 3", ["wrong.yaml:18", "duplicate key"]),
    "YAML tag": ("seeds: 2", "seeds: !!python/object/apply:os.system ['touch pwned']", ["wrong.yaml:17"]),
    "alias of itself": ("seeds: 2", "seeds: &a [*a]", ["wrong.yaml"]),
    "number as a key": ("seeds: 2", "seeds: 2\n3: 4", ["must be a word"]),
    "missing start file": ("{kind: point, at: [0.0, 1.0]}", "{kind: file, path: nothing.npy}", ["init.path", "nothing.npy"]),
    "corrupt start file": ("{kind: point, at: [0.0, 1.0]}", "{kind: file, path: corrupt.npy}", ["init.path", "corrupt.npy"]),
    "start file of another size": ("{kind: point, at: [0.0, 1.0]}", "{kind: file, path: five.npy}", ["init.path", "(5,)"]),
}

WHOLE = {  # id: (the file's bytes, words)
    "empty": (b"", ["empty"]),
    "a scalar": (b"42\n", ["mapping"]),
    "a list": (b"- 1\n- 2\n", ["mapping"]),
    "not UTF-8": (b"name: \xff\xfe\n", ["not UTF-8", "byte 6"]),
    "not YAML": (b"name: [unclosed\n", ["not valid YAML"]),
    "tabs": (b"name: a\n\tsteps: 3\n", ["wrong.yaml:2", "not valid YAML"]),
    "two documents": (b"name: a\n---\nname: b\n", ["not valid YAML"]),
    "deep": (b"[" * 5000 + b"]" * 5000, ["deep"]),
    "alias bomb": (bomb().encode(), ["alias bomb"]),
    "very long": (b"# " + b"x" * 5_000_000, ["at most"]),
    "a missing data file": (
        b"name: d\nlandscape: {kind: softmax_regression, data: {file: nothing.csv}}\noptimizers: [{kind: sgd}]\nsteps: 3\n",
        ["landscape: nothing.csv: there is no such file"],
    ),
    "a corrupt data file": (
        b"name: d\nlandscape: {kind: softmax_regression, data: {file: corrupt.npz}}\noptimizers: [{kind: sgd}]\nsteps: 3\n",
        ["landscape: corrupt.npz: is not an .npz file"],
    ),
    "a data file without the key": (
        b"name: d\nlandscape: {kind: softmax_regression, data: {file: five.npz}}\noptimizers: [{kind: sgd}]\nsteps: 3\n",
        ["landscape: five.npz: there is no array 'x' (it has: five)"],
    ),
}


def files():
    for name, (old, new, words) in CHANGES.items():
        assert GOOD.count(old) >= 1, name
        yield pytest.param(GOOD.replace(old, new, 1).encode(), words, id=name)
    for name, (content, words) in WHOLE.items():
        yield pytest.param(content, words, id=name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corrupt.npy").write_bytes(b"\x93NUMPY nonsense")
    (tmp_path / "corrupt.npz").write_bytes(b"PK nonsense")
    np.save(tmp_path / "five.npy", np.zeros(5))
    np.savez(tmp_path / "five.npz", five=np.zeros(5))
    return tmp_path


def command(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["thalweg", *args])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_file_that_the_others_break_is_good(folder, monkeypatch, capsys):
    (folder / "wrong.yaml").write_text(GOOD)
    assert command(monkeypatch, "run", "wrong.yaml", "--quiet") in (0, None)
    assert capsys.readouterr() == ("", "")
    assert (folder / "good.zarr").is_dir()


@pytest.mark.parametrize(("content", "words"), list(files()))
@pytest.mark.parametrize("verb", ["run", "check"])
def test_wrong_files_exit_2_and_write_nothing(folder, monkeypatch, capsys, content, words, verb):
    (folder / "wrong.yaml").write_bytes(content)
    before = sorted(p.name for p in folder.iterdir())
    assert command(monkeypatch, verb, "wrong.yaml") == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines
    assert all(line.startswith("error: ") for line in lines)
    assert len(lines) <= 2
    for word in words:
        assert any(choice in err for choice in word.split("|")), err
    assert "Traceback" not in err
    assert "<class" not in err
    assert all(len(line) < 700 for line in lines)
    assert sorted(p.name for p in folder.iterdir()) == before
