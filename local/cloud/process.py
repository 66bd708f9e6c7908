"""The local cloud as a child process, for tests and the demo: starts, stops and kills it, and builds its clients."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import boto3
from botocore.config import Config

from local.cloud.errors import NotReadyError
from local.cloud.settings import HOST

#: The only region of a local cloud, and the key and the secret that clients must have though it asks for none.
REGION: Final = "us-east-1"
KEY: Final = "test"

_READY: Final = "ready "


def local_client(service: str, endpoint_url: str, **config: Any) -> Any:
    """Return a boto3 client of the local cloud at an endpoint; `config` are options of botocore's Config."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=Config(**config),
    )


def client_variables(endpoint_url: str) -> dict[str, str]:
    """Return the variables that make any AWS client use the local cloud at an endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class LocalCloud:
    """One local cloud over one state folder; a restart keeps the port, so clients stay valid.

    `arguments` are further options of `python -m local.cloud serve`, `open_files` is its limit of descriptors. It logs
    to `cloud.log` in the state folder.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int = 0,
        arguments: tuple[str, ...] = (),
        deadline: float = 60,
        open_files: int | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._port = port
        self._arguments = arguments
        self._deadline = deadline
        self._open_files = open_files
        self._process: subprocess.Popen[str] | None = None

    @property
    def endpoint_url(self) -> str:
        """The endpoint for AWS clients."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def environment(self) -> dict[str, str]:
        """Return the variables that make any AWS client use this cloud."""
        return client_variables(self.endpoint_url)

    def client(self, service: str, **config: Any) -> Any:
        """Return a boto3 client of one of its services; `config` are options of botocore's Config."""
        return local_client(service, self.endpoint_url, **config)

    def start(self) -> Self:
        """Start it and wait until it answers; raise NotReadyError with the end of its log if it does not."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "local.cloud", "serve", "--port", str(self._port)]
        if self._open_files is not None:
            command = ["sh", "-c", f'ulimit -n {self._open_files} && exec "$@"', "sh", *command]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, "--state", str(self._state_dir), *self._arguments],
                cwd=Path(__file__).parents[2],
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # the parent handles a Ctrl-C in the terminal
            )
        self._port = int(self._await_ready(self._process).rsplit(":", 1)[1])
        return self

    def stop(self) -> int | None:
        """Stop it as Ctrl-C would; return its exit status, None if it did not run."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it: no handler runs and nothing is saved."""
        self._end(signal.SIGKILL)

    def check(self) -> None:
        """Raise NotReadyError with the end of its log if it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise NotReadyError(f"the local cloud ended by itself:\n{self._log.read_text()[-2000:]}")

    def restart(self) -> Self:
        """Stop it if it runs, and start it over the same state and port."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        return self._state_dir / "cloud.log"

    def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(timeout=self._deadline)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return process.returncode

    def _await_ready(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        give_up = time.monotonic() + self._deadline
        while time.monotonic() < give_up:
            if select.select([process.stdout], [], [], 0.2)[0]:
                line = process.stdout.readline().strip()
                if line.startswith(_READY):
                    return line.removeprefix(_READY)
            if process.poll() is not None:
                break
        state = "ended" if process.poll() is not None else f"was silent for {self._deadline:.0f} s"
        self.kill()
        raise NotReadyError(f"the local cloud {state} before it was ready:\n{self._log.read_text()[-2000:]}")
