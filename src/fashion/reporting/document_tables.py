"""The tables of README.md and docs/, generated from the results: each between `<!-- table: NAME -->` and `<!-- end -->`."""

import re
import statistics
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from fashion import paths
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results
from fashion.reporting.inputs import read_rows, table_lines
from fashion.reporting.last_run import summarize
from fashion.reporting.plain_script import SCRIPT, SCRIPT_NAME, SPEED, parameters_of, script_accuracies
from fashion.scoring.compared_seeds import compare_recipes
from fashion.scoring.comparison import (
    NEGLIGIBLE,
    SIGNIFICANCE,
    UNKNOWN,
    WITHIN,
    Difference,
    paired,
    welch,
)
from fashion.scoring.seeds import RECIPES, mean_and_std, read_accuracies, read_costs, read_study, title_of
from fashion.study_params import read_rows as read_study_rows

MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
WIDTH = 120
# Of the ten improvements those that are changes of a recipe.
MEASURED = (1, 2, 3, 4, 5, 6, 9, 10)
# What a table of changes says of each.
BROUGHT = ("validation, points", "test, points", "by the validation images", "time")
# Half of an interval that is narrow enough to tell the improvements' usual differences from none, in percentage points.
NARROW = 0.35


def documents() -> list[Path]:
    """Return the files that may have such tables."""
    return [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


def rendered(text: str) -> str:
    """Return a document with its tables as the results are now.

    Raises:
        UserError: a table has an unknown name, or a result is missing or damaged.
    """

    def replace(match: re.Match) -> str:
        begin, name, end = match.groups()
        if name not in TABLES:
            raise UserError(f"no table is called {name}; there are {', '.join(TABLES)}")
        return f"{begin}{TABLES[name]().strip()}\n{end}"

    return MARKED.sub(replace, text)


def outdated() -> list[Path]:
    """Return the documents whose tables are not those of the results."""
    return [path for path in documents() if (text := path.read_text(encoding="utf-8")) != rendered(text)]


def accuracy_over_seeds(recipe: str) -> str:
    """Return a recipe's test accuracy: mean, standard deviation and number of seeds."""
    accuracies = read_accuracies(paths.SEEDS_STUDY / f"results/{recipe}.json")["test"]
    return f"{mean_and_std(accuracies)} %, n={len(accuracies)}"


def summary() -> str:
    """Return what `make` prints at its end."""
    return f"```\n{summarize()}\n```"


def times_of_script(results: dict) -> dict[str, float]:
    """Return each recipe's training time as a ratio to the plain Keras script's of the same round, the median of the rounds."""
    base = [run["training"] for run in results["runs"][SCRIPT]]
    seconds = {name: [run["training"] for run in runs] for name, runs in results["runs"].items()}
    seconds |= {name: [run["seconds"] for run in runs] for name, runs in results["estimated_training"].items()}
    return {
        Path(name).stem: statistics.median(value / other for value, other in zip(values, base))
        for name, values in seconds.items()
    }


def ratio_in_words(ratio: float) -> str:
    """Write a ratio so that it reads at a glance: as 1/15 or as 22."""
    return f"1/{1 / ratio:.1f}" if ratio < 0.7 else f"{ratio:.2g}"


def results() -> str:
    """Return each recipe's accuracy, what it costs beside the plain Keras script, and a line on how that was measured."""
    return read_results(SPEED, results_of)


def results_of(speed: dict) -> str:
    """Return that table from the results of the benchmark."""
    ratios = times_of_script(speed)
    script = script_accuracies(speed)
    rows = [
        {
            "recipe": SCRIPT_NAME,
            "test accuracy": f"{mean_and_std(script)} %, n={len(script)}",
            "training time": "1",
            "parameters": parameters_of(speed, str(paths.BASELINE)),
        }
    ]
    for recipe in (recipe for recipe in RECIPES if recipe != "baseline"):  # which is the script's, and stands for itself
        path = "params.yaml" if recipe == "params" else f"recipes/{recipe}.yaml"
        rows.append(
            {
                "recipe": title_of(recipe),
                "test accuracy": accuracy_over_seeds(recipe),
                "training time": ratio_in_words(ratios[recipe]),
                "parameters": parameters_of(speed, path),
            }
        )
    machine = speed["machine"]
    estimated = [f"`{Path(name).stem}`" for name in speed["estimated_training"]]
    cpu = re.search(r"model name: ([^,]+)", machine["cpu"])
    line = (
        "Mean ± standard deviation over n trainings. Training time: ratio to [the script](studies/speed/baseline.py)'s on "
        f"{cpu[1] if cpu else machine['system']}, {machine['threads']} cores, {speed['work']['params.yaml']['precision']}; "
        f"{' and '.join(estimated)} estimated from three epochs."
    )
    return f"{tables.markdown(rows)}\n\n" + "\n".join(textwrap.wrap(line, WIDTH))


def benchmark() -> str:
    """Return what each recipe costs beside the plain Keras script: median of the rounds."""
    return read_results(SPEED, benchmark_of)


def benchmark_of(speed: dict) -> str:
    """Return that table from the results of the benchmark."""
    ratios = times_of_script(speed)
    rows = []
    for name, runs in speed["runs"].items():
        median = {key: statistics.median(run[key] for run in runs) for key in ("training", "wall", "memory")}
        rows.append(
            {
                "": SCRIPT_NAME if name == SCRIPT else f"`{name}`",
                "training": f"{median['training']:.1f} s",
                "ratio": ratio_in_words(ratios[Path(name).stem]),
                "whole process": f"{median['wall']:.1f} s",
                "peak memory of a process": f"{median['memory']:,.0f} MB",
            }
        )
    return f"{tables.markdown(rows)}\n\n" + "\n".join(
        textwrap.wrap(
            f"Commit {speed['commit']}, {len(speed['runs'][SCRIPT])} rounds, median. {speed['machine']['cpu']}.", WIDTH
        )
    )


def compared_seeds() -> str:
    """Return what `python tools/compare.py --seeds baseline fast` prints."""
    names = ("baseline", "fast")
    return f"```\n{compare_recipes(*names)}\n```"


def lines_of(name: str) -> Callable[[], str]:
    """Return a function that reads a page that a study wrote."""
    return lambda: Path(name).read_text(encoding="utf-8")


def table_of(name: str) -> Callable[[], str]:
    """Return a function that reads the first table of such a page."""
    return lambda: "\n".join(table_lines(Path(name)))


def row_of_change(name: str, validation: Difference, test: Difference, ratio: float) -> list[str]:
    """Return a row of a table of changes: the name, then what `BROUGHT` heads."""
    return [name, str(validation), str(test), validation.verdict, f"{ratio:.1f}"]


def numbers_of_seeds(rows: Iterable[dict[str, list[float]]]) -> str:
    """Write how many seeds rows have, such as "8, 10 or 16", from their accuracies as `read_accuracies` returns them."""
    *others, last = sorted({len(row["test"]) for row in rows})
    return f"{', '.join(map(str, others))} or {last}" if others else str(last)


def ablation() -> str:
    """Return what params.yaml loses without one ingredient, and what its training then takes."""
    rows = read_study_rows(paths.ABLATION_STUDY).rows
    measured = read_study(paths.ABLATION_STUDY, rows)
    costs = read_costs(paths.ABLATION_STUDY, rows)
    whole, *others = rows
    table = []
    for name in others:
        validation, test = (welch(measured[name][split], measured[whole][split]) for split in ("validation", "test"))
        table.append(row_of_change(rows[name].title, validation, test, costs[name][0]))
    accuracy, seeds = mean_and_std(measured[whole]["test"]), numbers_of_seeds(measured.values())
    line = f"All of it: {accuracy} % of the test images. Seeds of a row: {seeds}."
    return f"{tables.markdown(table, ('without', *BROUGHT))}\n\n{line}"


def verdicts() -> str:
    """Say which changes of the baseline helped, which did harm, and which did neither."""
    columns = Difference.columns("validation")
    found: dict[str, list[str]] = defaultdict(list)
    together = 0
    _, *rows = read_rows(paths.IMPROVEMENTS, ("change",), (*columns, "validation_p_holm"))  # without the baseline
    for row in rows:
        difference = Difference.of_row(row, "validation")
        verdict = difference.verdict
        found[verdict].append(row["change"] if verdict in (WITHIN, UNKNOWN) else f"{row['change']} {difference}")
        together += row["validation_p_holm"] < SIGNIFICANCE
    names = {
        "better": "**Better**, in percentage points",
        "worse": "**Worse**",
        WITHIN: f"**Within ±{NEGLIGIBLE}**",
        UNKNOWN: "**Not told apart**",
    }
    lines = [
        *(f"{name}: {'; '.join(found[verdict])}." for verdict, name in names.items() if found[verdict]),
        "Of twenty such intervals about one excludes zero by chance. After Holm's correction for that "
        f"([1979](https://www.jstor.org/stable/4615733)), {together} of the {len(rows)} differences remain.",
    ]
    return "\n\n".join("\n".join(textwrap.wrap(line, WIDTH, break_on_hyphens=False)) for line in lines)


def intervals() -> str:
    """Say how wide the improvements' intervals are, and how wide they would be if rows and baseline were paired by seed."""
    study = read_study(paths.IMPROVEMENTS_STUDY, read_study_rows(paths.IMPROVEMENTS_STUDY).rows)
    _, *rows = study.values()
    baseline, *others = (accuracies["test"] for accuracies in study.values())
    used = [welch(ours, baseline).half for ours in others]
    by_seed = [paired(*zip(*zip(ours, baseline))).half for ours in others]  # of the seeds that both have
    line = (
        f"The baseline has {len(baseline)} seeds, a row {numbers_of_seeds(rows)}. The 95 % interval of the test difference is "
        f"at most ±{NARROW} points in {sum(half <= NARROW for half in used)} of {len(used)} rows (median "
        f"±{statistics.median(used):.2f}). Rows and baseline are not paired by seed; with pairs the median would be "
        f"±{statistics.median(by_seed):.2f}."
    )
    return "\n".join(textwrap.wrap(line, WIDTH))


def changes_of(number: int) -> Callable[[], str]:
    """Return a function that returns what the changes of one of the ten improvements bring, and what they cost."""

    def read() -> str:
        columns = [Difference.columns(split) for split in ("validation", "test")]
        rows = []
        for row in read_rows(paths.IMPROVEMENTS, ("improvement", "change"), (*columns[0], *columns[1], "time_ratio")):
            if row["improvement"].startswith(f"{number}. "):
                validation, test = (Difference.of_row(row, split) for split in ("validation", "test"))
                rows.append(row_of_change(row["change"], validation, test, row["time_ratio"]))
        return tables.markdown(rows, ("change", *BROUGHT))

    return read


TABLES: dict[str, Callable[[], str]] = {
    "summary": summary,
    "results": results,
    "benchmark": benchmark,
    "verdicts": verdicts,
    **{f"improvement_{number}": changes_of(number) for number in MEASURED},
    "intervals": intervals,
    "ablation": ablation,
    "compared_seeds": compared_seeds,
    "seeds": lines_of("studies/seeds/table.md"),
    "ensembles": lines_of("studies/seeds/ensembles.md"),
    "cross_validation": lines_of("studies/cross_validation/table.md"),
    "labels": lines_of("studies/labels/audit.md"),
    "test_labels": lines_of("studies/seeds/test_labels.md"),
    "duplicates": lines_of("studies/labels/duplicates.md"),
    "serving": lines_of("studies/serving/table.md"),
    "out_of_distribution": lines_of("studies/out_of_distribution/table.md"),
    "determinism": table_of("studies/reproducibility/determinism.md"),
    "photos": table_of("studies/photos/table.md"),
    "portable_bits": table_of("studies/reproducibility/portable_bits.md"),
}
