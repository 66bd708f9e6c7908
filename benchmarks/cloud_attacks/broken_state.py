"""Each state document as a power cut may leave it: the start refuses with its name, or goes on with nothing lost."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cloud_attacks.pipeline import Accepted, Clients, Writers, await_landed, differences, set_up
from local.cloud.errors import NotReadyError
from local.cloud.process import LocalCloud

DAMAGES: Final = ("empty", "half", "garbage", "missing")


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one start over a damaged document ended."""

    document: str
    damage: str
    started: bool
    sentence: str
    lost: int
    differences: list[str]

    @property
    def passed(self) -> bool:
        """Refused by the document's name, or up with everything there."""
        if not self.started:
            return self.document in self.sentence or str(Path(self.document).parent) in self.sentence
        return not self.lost and not self.differences


def attack(folder: Path, *, seed: int = 1) -> Iterator[Result]:
    """Damage each document of a state that has events in S3 and events on their way."""
    whole = folder / "whole"
    with LocalCloud(whole) as cloud:
        clients = Clients(cloud)
        set_up(clients)
        writers = Writers(clients, seed)
        writers.run_until_accepted(1_000)
        await_landed(clients, writers.accepted.events)
        cloud.kill()
    for document in documents(whole):
        for damage in DAMAGES:
            if damage == "garbage" and document.endswith(".parquet"):
                continue  # other bytes of the same size are no state document: the client's checksum finds them
            yield _start(folder / "damaged", whole, document, damage, writers.accepted)


def documents(state: Path) -> list[str]:
    """The state's documents: one object of each kind stands for all of them."""
    found = [path.relative_to(state) for path in state.rglob("*") if path.is_file()]
    objects = [path for path in found if path.parts[0] == "s3"]
    others = [path for path in found if path.parts[0] != "s3" and path.suffix in (".json", ".log")]
    one = [next(path for path in sorted(objects) if (path.suffix == ".json") == sidecar) for sidecar in (True, False)]
    return [str(path) for path in sorted(others) + one if path.name != "cloud.log"]


def harm(path: Path, damage: str) -> None:
    """Leave the file as a power cut may."""
    content = path.read_bytes()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(content[: len(content) // 2])
        case "garbage":
            path.write_bytes(bytes(len(content) // 2) + content[len(content) // 2 :])
        case "missing":
            path.unlink()


def _start(state: Path, whole: Path, document: str, damage: str, before: Accepted) -> Result:
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(whole, state)
    harm(state / document, damage)
    (state / "cloud.log").unlink()
    cloud = LocalCloud(state)
    try:
        cloud.start()
    except NotReadyError as error:
        sentence = str(error).strip().splitlines()[-1]
        return Result(document=document, damage=damage, started=False, sentence=sentence, lost=0, differences=[])
    try:
        clients = Clients(cloud)
        writers = Writers(clients, 2, before=before)
        writers.run_until_accepted(200)
        found = await_landed(clients, writers.accepted.events)
        lost = len(writers.accepted.events - found)
        different = differences(clients, writers.accepted)
        said = [line for line in (state / "cloud.log").read_text().splitlines() if str(state) in line]
    finally:
        cloud.stop()
    sentence = said[0] if said else ""
    return Result(document=document, damage=damage, started=True, sentence=sentence, lost=lost, differences=different)
