"""Every command of README.md and docs/ from the activated environment, without a path set.

What is quick and harmless runs as it is printed, what asks a lake over a small one, with the page's placeholders filled
in. The rest is parsed only: its make target or module is there and takes its options. `CLASSES` says which and why.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.docs.conftest import SimulatedLake, run
from tests.docs.pages import PAGES, ROOT, Command, commands, usages


class NotPlannedError(Exception):
    """Make does not know a target, or refuses its variables."""


class How(Enum):
    """What is done with a command here."""

    SHELL = "run in front of what follows it on its page"
    AS_PRINTED = "run"
    ON_A_LAKE = "run over a small lake"
    JOB_ON_A_LAKE = "run over a small lake, by the end-to-end tests, all in one Spark session"
    SPARK_ON_A_LAKE = "run over a small lake, by the end-to-end tests: it starts Spark"
    PARSED = "parsed only"


#: The first pattern that fits a whole command decides; the reason says why it is only parsed, or needs a lake.
CLASSES: Final = (
    (
        r"\. \.venv/bin/activate|\. var/demo/environment\.sh|(export|LAKE=|submit\(\)|send\(\)).*",
        How.SHELL,
        "prepares the shell",
    ),
    (r"make help|python -m \S+ --help", How.AS_PRINTED, ""),
    (r"python -m benchmarks\.scaling simulate --trace FILE\.csv", How.AS_PRINTED, ""),
    (r"make sql .*raw_lines.*", How.PARSED, "reads what was sent now; tests/e2e/test_tutorial.py runs it"),
    (r"make sql OUT=.*", How.PARSED, "asks what make run wrote; tests/e2e/test_tutorial.py runs it"),
    (r"make sql ENV=.*", How.PARSED, "asks AWS; tests/local/lake_shell asks an environment by its name"),
    (r"make sql.*|python -m local\.lake_shell.*", How.ON_A_LAKE, "asks tables"),
    (r"python -m kinesis_scaling explain .+", How.ON_A_LAKE, "asks scaling_decisions"),
    (r"(spark-submit|submit) .*", How.JOB_ON_A_LAKE, "works on tables"),
    (r"spark-sql .*", How.SPARK_ON_A_LAKE, "asks tables"),
    (r"python -m live.*", How.PARSED, "looks at a lake until Ctrl-C; tests/e2e/test_live_minutes.py runs it"),
    (r"python -m clickstream_report .+", How.PARSED, "asks a lake of days; tests/plugins/clickstream_report runs it"),
    (r"python -m infra\.cost .+", How.AS_PRINTED, ""),
    (r"make demo.*|python -m local\.demo.*", How.PARSED, "takes minutes; tests/e2e/test_demo.py runs it"),
    (r"make run.*", How.PARSED, "starts Spark; tests/spark_jobs/operations/test_run_events_file.py runs the same"),
    (r"make (test|e2e|check|arch|format)( SLOW=1)?", How.PARSED, "is what runs this"),
    (
        r"make (package|publish|test-emr).*",
        How.PARSED,
        "takes minutes; tests/infra/test_package.py and tests/e2e run it",
    ),
    (r"make tracker", How.PARSED, "writes to the checkout; tests/tracker/test_build.py compares what it writes"),
    (r"make audit", How.PARSED, "asks services of the internet"),
    (r"make setup", How.PARSED, "installs what this runs in; tests/local/test_setup.py takes its steps"),
    (r"make (docs|lock|clean|snapshot)|python -m contracts.*", How.PARSED, "writes to the checkout"),
    (r"make cloud|python -m local\.cloud serve.*", How.PARSED, "runs until Ctrl-C; tests/local/cloud starts it"),
    (r"make bench.*|python -m (benchmarks|tests\.proofs)\..*", How.PARSED, "takes minutes"),
    (
        r"make (synth|diff|deploy|destroy|outputs).*|python -m infra\.(deploy|diff|destroy|outputs).*",
        How.PARSED,
        "looks at an account or changes it; tests/infra/test_commands.py runs it",
    ),
    (r"python -m simulator (stream|history|replay).*", How.PARSED, "sends events; tests/simulator runs it"),
    (r"make (env|compose-test)", How.PARSED, "writes .env, or needs an engine; tests/local/compose runs them"),
    (r"docker[ -]compose .*", How.PARSED, "needs an engine for containers"),
    (r"\.venv/bin/pre-commit install", How.PARSED, "writes a hook into the checkout's repository"),
    (r"send .*", How.PARSED, "sends an event; tests/e2e/test_tutorial.py runs it"),
    (r"(aws|curl|kubectl|helm) .*", How.PARSED, "is no program of ours"),
)
COMMANDS: Final = commands()
TRACE: Final = "timestamp,count\n2026-11-22 00:00:00,60000\n2026-11-22 00:05:00,90000\n2026-11-22 00:10:00,70000\n"
#: What a demo that is up leaves; here there is none.
DEMO_ENVIRONMENT: Final = ". var/demo/environment.sh"
#: In bash, in front of a command: its programs are not started, their words are written down.
_WORDS: Final = "words() { printf '%s\\x1f' \"$@\"; echo; }\n"
JOBS_RECORDED: Final = _WORDS + 'spark-submit() { words "$@"; }\n'
RECORDED: Final = (
    _WORDS
    + """
python() { words "$@"; }
spark-sql() { :; }
spark-submit() { while [[ $1 == --* ]]; do shift 2; done; words "$@"; }
"""
)


def how(command: Command) -> How | None:
    """Return the class of a command; None if it has none."""
    return next((how for pattern, how, _ in CLASSES if re.fullmatch(pattern, command.text)), None)


def is_name(command: Command) -> bool:
    """Say whether it is only the beginning of a command that stands elsewhere: a name in a sentence."""
    return any(other.text.startswith(f"{command.text} ") for other in COMMANDS)


def distinct(*hows: How) -> list[Command]:
    """Return the commands of some classes, the same text once."""
    first: dict[str, Command] = {}
    for command in COMMANDS:
        if how(command) in hows:
            first.setdefault(command.text, command)
    return list(first.values())


def those(*hows: How) -> list[object]:
    """Return the distinct commands of some classes as parameters."""
    return [pytest.param(command, id=command.place) for command in distinct(*hows)]


def environment(**more: str) -> dict[str, str]:
    """Return what a shell has in which .venv is activated, and nothing else of ours."""
    ours = ("AWS_", "CLICKSTREAM_", "AIRFLOW", "PYTHON", "MAKE", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more


def bash(script: str, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def script_of(command: Command) -> str:
    """Return a command behind what prepares the shell on its page; of a make target, the Python that it starts."""
    before = [one.text for one in COMMANDS if one.page == command.page and how(one) is How.SHELL]
    return "\n".join([*before, _recipe(command.text) if command.text.startswith("make ") else command.text])


def filled(script: str, values: Mapping[str, str]) -> str:
    """Return a script with other words in place of a page's placeholders."""
    for placeholder, value in values.items():
        script = script.replace(placeholder, value)
    return script


def _recipe(command: str) -> str:
    planned = bash(f"make --dry-run --no-print-directory {command.removeprefix('make ')}", environment())
    if planned.returncode:
        raise NotPlannedError(planned.stderr)
    given = re.findall(r"\b[A-Z]+=(?:\"[^\"]*\"|\S+)", command)
    lines = planned.stdout.replace("\\\n", " ").splitlines()
    own = r"python (-m (infra|local|benchmarks|contracts|simulator|kinesis_scaling)\b|spark_jobs/).*"
    return "\n".join([*(f"export {variable}" for variable in given), *(one for one in lines if re.match(own, one))])


def _words(command: Command) -> list[list[str]]:
    """Return the words after each `python` that a command starts."""
    values = {
        ". .venv/bin/activate": "",
        DEMO_ENVIRONMENT: "CLICKSTREAM_RAW_URI=s3://b/raw CLICKSTREAM_WAREHOUSE_URI=s3://b/w CLICKSTREAM_DATABASE=d",
        "--database DATABASE": "--database clickstream_dev",
    }
    script = filled(script_of(command), values)
    asked = " --help" if is_name(command) and script.strip() else ""  # `make test` starts no program of ours
    done = bash(RECORDED + script + asked, environment())
    assert done.returncode == 0, (command.place, done.stderr)
    return recorded_words(done.stdout)


def recorded_words(printed: str) -> list[list[str]]:
    """Return the words of each command that was written down instead of started."""
    return [line.split("\x1f")[:-1] for line in printed.splitlines() if "\x1f" in line]


@pytest.fixture(scope="module")
def refusals() -> dict[str, list[str]]:
    """What is wrong with the words of each command that starts Python of ours, all in one process."""
    recorded: dict[str, list[list[str]]] = {}
    unplanned: dict[str, list[str]] = {}
    for text, command in {command.text: command for command in COMMANDS}.items():
        known = is_name(command) or how(command) not in (None, How.SHELL)
        if known and not re.match(
            r"(aws|curl|docker|helm|kubectl|send|\.venv)", text
        ):  # what has no class is never started
            try:
                recorded[text] = _words(command)
            except NotPlannedError as error:
                unplanned[text] = [str(error)]
    every = [words for lines in recorded.values() for words in lines]
    parsed = subprocess.run(
        [sys.executable, "tests/docs/parse_only.py"],
        cwd=ROOT,
        env=environment(),
        input=json.dumps(every),
        capture_output=True,
        text=True,
        check=False,
    )
    assert parsed.returncode == 0, parsed.stderr
    answers = iter(json.loads(parsed.stdout))
    return unplanned | {text: [next(answers) for _ in lines] for text, lines in recorded.items()}


def test_every_command_is_in_a_class() -> None:
    unknown = [f"{one.place}: {one.text}" for one in COMMANDS if how(one) is None and not is_name(one)]
    assert not unknown, f"say in CLASSES what shall be done with them: {unknown}"


def test_every_class_has_a_reason() -> None:
    assert [pattern for pattern, how, why in CLASSES if not why and how is not How.AS_PRINTED] == []


def test_the_pages_have_commands_of_the_activated_environment() -> None:
    """Guard the reading of pages: these would be missed otherwise."""
    texts = {command.text for command in COMMANDS}
    assert {
        ". .venv/bin/activate",
        "make demo",
        "python -m kinesis_scaling explain --since 2026-11-22T00:00 --hold",
    } <= texts
    assert len(PAGES) > 10


@pytest.mark.parametrize("command", [pytest.param(one, id=one.place) for one in COMMANDS])
def test_a_command_is_there_and_takes_its_options(command: Command, refusals: dict[str, list[str]]) -> None:
    assert not [refusal for refusal in refusals.get(command.text, []) if refusal and "status 0" not in refusal]
    if command.text.startswith(".venv/bin/"):
        assert (ROOT / command.text.split()[0]).exists()
    if command.text.startswith("docker"):
        assert (ROOT / "docker-compose.yaml").exists()


@pytest.mark.parametrize("command", those(How.AS_PRINTED))
def test_a_quick_command_runs_as_printed(command: Command, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(TRACE)
    done = bash(filled(command.text, {"FILE.csv": str(tmp_path / "trace.csv")}), environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.fixture(scope="module")
def decided_lake(simulated_lake: SimulatedLake) -> SimulatedLake:
    """The simulated lake, with the decisions of the day that docs/scaling-explained.md is about."""
    names = f"raw_uri='{simulated_lake.raw_uri}', warehouse_uri='{simulated_lake.warehouse_uri}'"
    code = (
        "from contracts.names import LakeLocation; "
        "from benchmarks.scaling.docs_page import example_decisions; "
        "from kinesis_scaling.decisions.store import open_decision_store; "
        f"lake = LakeLocation({names}, database='{simulated_lake.database}'); "
        "open_decision_store(lake).write(example_decisions())"
    )
    run(simulated_lake.environment, "-c", code)
    return simulated_lake


def on_the_lake(
    command: Command, lake: SimulatedLake, folder: Path, *, before: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command as its page has it, but for the placeholders; `before` is run in front of it."""
    (folder / "ids.txt").write_text("ann\nben\n")
    values = {
        DEMO_ENVIRONMENT: "",  # the lake's variables are set already
        "127.0.0.1:PORT": urlsplit(lake.cloud.endpoint_url).netloc,
        "s3://BUCKET/raw": lake.raw_uri,
        "s3://BUCKET/warehouse": lake.warehouse_uri,
        "--database DATABASE": f"--database {lake.database}",
        "ids.txt": str(folder / "ids.txt"),
    }
    return bash(before + filled(script_of(command), values), environment(**lake.environment))


@pytest.mark.spark
@pytest.mark.cloud
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", those(How.ON_A_LAKE))
def test_a_question_is_answered_over_a_small_lake(
    command: Command, decided_lake: SimulatedLake, tmp_path: Path
) -> None:
    done = on_the_lake(command, decided_lake, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.e2e
@pytest.mark.spark
@pytest.mark.cloud
@pytest.mark.timeout(900)
def test_the_jobs_run_over_a_small_lake(simulated_lake: SimulatedLake, tmp_path: Path) -> None:
    """Each as its command has it, but all under one spark-submit: they ask for the same class path and nothing else.

    That each finds its own modules in a process of its own is what tests/spark_jobs/test_entry_points.py looks at.
    """
    jobs = []
    for command in distinct(How.JOB_ON_A_LAKE):
        recorded = on_the_lake(command, simulated_lake, tmp_path, before=JOBS_RECORDED)
        assert recorded.returncode == 0, recorded.stderr
        (words,) = recorded_words(recorded.stdout)
        assert words[:2] == ["--conf", "spark.driver.extraClassPath=jars/*"], command.place
        jobs.append((Path(words[2]).stem, words[3:]))
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    submit = 'spark-submit --conf "spark.driver.extraClassPath=jars/*" tests/e2e/cluster/jobs_in_turn.py spark_jobs'
    done = bash(f"{submit} '{tmp_path}/jobs.json'", environment(**simulated_lake.environment))
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("job ")] == [job for job, _ in jobs]


@pytest.mark.e2e
@pytest.mark.spark
@pytest.mark.cloud
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", those(How.SPARK_ON_A_LAKE))
def test_a_program_of_spark_runs_over_a_small_lake(
    command: Command, simulated_lake: SimulatedLake, tmp_path: Path
) -> None:
    done = on_the_lake(command, simulated_lake, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(("module", "file"), [pytest.param(*one, id=f"{one[1]}:{one[0]}") for one in usages()])
def test_a_module_that_a_docstring_starts_is_there(module: str, file: str) -> None:
    spec = find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is None or find_spec(f"{module}.__main__") is not None
