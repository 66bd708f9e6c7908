"""One job run as a child process: its files from S3, its end, its logs in S3 as EMR lays them out.

The child leads a session of its own, and is killed with all that it started: Spark's JVM, its driver, its workers.
"""

import asyncio
import contextlib
import gzip
import io
import logging
import os
import shutil
import signal
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from local.cloud import emulator
from local.cloud.emr_serverless.store import Application, JobRun
from local.cloud.emr_serverless.submit import SubmitError, check_machine, job_environment, parse_submit

_LOG = logging.getLogger(__name__)
_LOGS: Final = ("stdout", "stderr")
_LAST_LINES: Final = 3


@dataclass(frozen=True, kw_only=True)
class JobPlace:
    """Where jobs run: each in a folder below `work`, with archives that the first of them unpacks for the others."""

    work: Path
    archives: Path
    port: int
    spark_home: Path


class JobProcess:
    """The process of one job."""

    def __init__(self, job: JobRun, application: Application, place: JobPlace) -> None:
        self._job = job
        self._application = application
        self._place = place
        self._folder = place.work / job.id
        self._submit = parse_submit(job.request)
        self._process: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        """Bring the job's files here; raise SubmitError for one that is not there."""
        check_machine(self._application.architecture)
        self._folder.mkdir(parents=True)
        for uri in (self._submit.entry_point, *self._submit.code):
            self._file(uri).write_bytes((await self._fetch(uri))[0])
        for uri, name in self._submit.archives:
            content, etag = await self._fetch(uri)
            unpacked = self._place.archives / etag
            if not unpacked.exists():
                await asyncio.to_thread(_unpack, content, unpacked, uri)
            (self._folder / name).symlink_to(unpacked)

    async def start(self) -> tuple[int, float]:
        """Start it; return what it can be known by later."""
        entry_point, code = self._file(self._submit.entry_point), list(map(self._file, self._submit.code))
        command = self._submit.command(self._place.spark_home, entry_point, code)
        environment = job_environment(self._job.scope, port=self._place.port, home=self._folder)
        environment |= {"SPARK_HOME": str(self._place.spark_home), **self._submit.variables}
        with (self._folder / "stdout").open("wb") as stdout, (self._folder / "stderr").open("wb") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            return self._process.pid, psutil.Process(self._process.pid).create_time()
        except psutil.NoSuchProcess:  # it has ended by now
            return self._process.pid, 0.0

    async def wait(self, timeout: float | None) -> int:
        """Return its exit status; raise TimeoutError if it runs longer, and leave it running."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), timeout)

    async def kill(self) -> None:
        """End it, and what it started."""
        if self._process is not None:
            kill_session(self._process.pid)
            await self._process.wait()

    async def keep_logs(self) -> str:
        """Write its logs to where the job, or else its application, keeps them; return the last lines of its errors."""
        texts = {name: (self._folder / name).read_bytes() for name in _LOGS if (self._folder / name).exists()}
        for name, text in texts.items():
            await self._keep(name, text)
        lines = texts.get("stderr", b"").decode(errors="replace").splitlines()
        return " ".join([line for line in lines if line.strip()][-_LAST_LINES:])

    def clear(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _keep(self, name: str, text: bytes) -> None:
        own = self._job.request.get("configurationOverrides", {}).get("monitoringConfiguration", {})
        kept = own.get("s3MonitoringConfiguration") or self._application.monitoring.get("s3MonitoringConfiguration")
        if not kept or "logUri" not in kept:
            return
        place = urlsplit(kept["logUri"].rstrip("/"))
        key = f"{place.path.lstrip('/')}/applications/{self._application.id}/jobs/{self._job.id}/SPARK_DRIVER/{name}.gz"
        status, _, refusal = await emulator.put_object(
            self._job.scope, bucket=place.netloc, key=key.lstrip("/"), body=gzip.compress(text)
        )
        if status >= 300:
            _LOG.warning("the logs of job run %s can't be written: %s", self._job.id, refusal.decode(errors="replace"))

    async def _fetch(self, uri: str) -> tuple[bytes, str]:
        """Return an object's bytes and ETag."""
        place = urlsplit(uri)
        if place.scheme != "s3":
            raise SubmitError(f"{uri} is not in S3.")
        status, headers, content = await emulator.get_object(
            self._job.scope, bucket=place.netloc, key=place.path.lstrip("/")
        )
        if status >= 300:
            raise SubmitError(f"{uri} can't be read (HTTP status {status}): does it exist?")
        return content, headers["ETag"].strip('"')

    def _file(self, uri: str) -> Path:
        return self._folder / uri.rpartition("/")[2]


def kill_session(leader: int) -> None:
    """Kill every process of a session; Spark's workers have groups of their own, but stay in it."""
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def kill_lost(process: tuple[int, float]) -> None:
    """Kill what an earlier local cloud has left running, unless its id is another process's by now."""
    pid, started = process
    with contextlib.suppress(psutil.NoSuchProcess):
        if psutil.Process(pid).create_time() == started:
            kill_session(pid)


def _unpack(content: bytes, folder: Path, uri: str) -> None:
    partial = folder.with_name(f".partial-{uuid.uuid4().hex}")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            archive.extractall(partial, filter="data")
    except tarfile.TarError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise SubmitError(f"{uri} is no .tar.gz: {error}") from error
    try:
        partial.rename(folder)
    except OSError:  # another job was faster
        shutil.rmtree(partial)
        if not folder.exists():
            raise
