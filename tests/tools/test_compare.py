"""tools/compare.py: two commits, and names that stand for none."""

import functools

import in_process
import pytest
from conftest import Clone


@pytest.fixture(scope="module", params=["a repository", "a folder in a larger one"])
def history(request, session_clone, tmp_path_factory) -> Clone:
    """A clone with three commits: HEAD with the predictions, `poorer` with some of them spoilt, `without` any."""
    path = tmp_path_factory.mktemp("history")
    larger = request.param != "a repository"
    clone = session_clone.as_folder(path) if larger else Clone(path / "clone", small=False)
    predictions = clone.path / "reports/predictions.csv"
    text = predictions.read_text()
    predictions.unlink()
    clone.commit("Without predictions")
    clone.git("tag", "without")
    rows = [line.split(",") for line in text.splitlines()]
    spoilt = [[*row[:2], "Bag", row[3]] for row in rows[1:501]]
    predictions.write_text("".join(",".join(row) + "\n" for row in [rows[0], *spoilt, *rows[501:]]))
    clone.commit("Poorer predictions")
    clone.git("tag", "poorer")
    predictions.write_text(text)
    clone.commit("Better predictions")
    return clone


@pytest.fixture
def run(history):
    """A function that runs the program in the project's directory."""
    return functools.partial(in_process.run, history.path, "tools/compare.py")


def test_two_commits(run, history, capfd):
    rows = [line.split(",") for line in (history.path / "reports/predictions.csv").read_text().splitlines()[1:]]
    right = sum(row[1] == row[2] for row in rows)
    poorer = sum(row[1] == (row[2] if number >= 500 else "Bag") for number, row in enumerate(rows))
    run("poorer", "HEAD")
    said = capfd.readouterr().out
    assert f"poorer  {poorer:,} of 10,000 test images right: {poorer / 10_000:.2%}" in said
    assert f"HEAD    {right:,} of 10,000 test images right: {right / 10_000:.2%}" in said
    assert "Yes: on these images, HEAD is better" in said
    run()
    assert "HEAD               " in (said := capfd.readouterr().out) and "Fixed      0 images" in said


def test_a_commit_without_predictions_and_a_name_of_none_are_refused_in_one_line(run, capfd):
    for name, message in (("without", "has no reports/predictions.csv"), ("nonsense", "no commit, branch or experiment")):
        with pytest.raises(SystemExit) as end:
            run(name)
        said = capfd.readouterr().err
        assert end.value.code == 1 and said.startswith(f"error: {name}: {message}") and said.count("\n") == 1


def test_two_recipes_are_compared_by_their_seeds(run, capfd):
    run("--seeds", "baseline", "params")
    assert "Is there a difference? By the test images, yes, params is better." in capfd.readouterr().out
    run("--seeds", "baseline", "erase")
    assert "Is there a difference? By the validation images, none of 0.5 points or more." in capfd.readouterr().out
    with pytest.raises(SystemExit) as end:
        run("--seeds", "baseline", "nonsense")
    assert (end.value.code, capfd.readouterr().err.count("\n")) == (1, 1)


def test_a_recipe_that_was_edited_since_it_was_measured_is_named(session_clone, tmp_path, capfd):
    clone = Clone(tmp_path / "clone", small=False, source=session_clone.path)
    names = ("baseline", "fast")
    for edited in ([], ["fast"], ["baseline", "fast"]):
        for name in edited[:1]:
            clone.edit("dropout: 0.0 ", "dropout: 0.2 ", f"recipes/{name}.yaml")
        in_process.run(clone.path, "tools/compare.py", "--seeds", *names)
        said = capfd.readouterr().out
        assert [name for name in names if f"But {name} was edited since it was measured; `make seeds`" in said] == edited
