"""What benchmarks ask: the pages over a lake on a local cloud, behind a server in a process of its own."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import boto3
import httpx
import uvicorn
from fastapi import FastAPI
from pyiceberg.catalog.glue import GlueCatalog as IcebergCatalog

from benchmarks.pages_lake import fill
from local.cloud.process import LocalCloud
from pages.app import create_app
from pages.lake.iceberg import s3_properties
from pages.lake.live import LiveReader
from pages.lake.reader import LakeReader
from pages.lake.tables import GlueCatalog
from pages.service import LakeViews
from pages.views import VIEWS

DATABASE: Final = "clickstream_local"
_BUCKET: Final = "clickstream-local-warehouse"
WAREHOUSE: Final = f"s3://{_BUCKET}/warehouse"
_STARTED_WITHIN: Final = 60.0


@contextmanager
def local_lake(days: int) -> Iterator[None]:
    """Run a local cloud with the tables of so many days, which the environment names: children reach it, too."""
    with TemporaryDirectory() as folder, LocalCloud(Path(folder) / "cloud", arguments=("--no-fsync",)) as cloud:
        os.environ |= cloud.environment()
        cloud.client("s3").create_bucket(Bucket=_BUCKET)
        cloud.client("glue").create_database(DatabaseInput={"Name": DATABASE, "LocationUri": WAREHOUSE})
        write(days=days)
        yield


def write(*, days: int, clean_days: int = 1, seed: int = 7) -> None:
    """Write the tables of the last days: a new version of each, in the place of what they have of these days."""
    catalog = IcebergCatalog("glue", client=boto3.client("glue"), **s3_properties(), warehouse=WAREHOUSE)
    fill(catalog, DATABASE, now=datetime.now(UTC), days=days, clean_days=clean_days, seed=seed)


def app(*, reads_ahead: bool = False) -> FastAPI:
    """Return the app over the local lake; everybody is let in."""
    reader = LakeReader(catalog=GlueCatalog(DATABASE), properties=s3_properties(), live=LiveReader(WAREHOUSE))
    return create_app(LakeViews(reader=reader, modules=VIEWS, reads_ahead=reads_ahead), lambda: None)


@contextmanager
def served() -> Iterator[str]:
    """Serve the app on a port of this machine; yield its address once it answers, before it has read anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server = get_context("spawn").Process(target=_serve, args=(listening,), name="pages")
        server.start()
    try:
        deadline = time.monotonic() + _STARTED_WITHIN
        while not _answers(url):
            if not server.is_alive() or time.monotonic() > deadline:
                raise SystemExit(f"the app did not answer within {_STARTED_WITHIN:.0f} s")
            time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.join()


def _serve(listening: socket.socket) -> None:
    config = uvicorn.Config(app(reads_ahead=True), log_level="error", lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[listening])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}static/1/icon.svg").is_success
    except httpx.TransportError:
        return False
