"""Clients that come, ask once and stay never take the descriptors that the server needs."""

import selectors
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from benchmarks.cloud_attacks import descriptors
from local.cloud.process import LocalCloud

pytestmark = pytest.mark.cloud
ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_two_thousand_clients_of_one_request_lose_no_event_and_do_not_end_the_server(tmp_path: Path) -> None:
    result = descriptors.attack(tmp_path)
    assert result.passed, result
    assert result.statuses == {"200": result.clients}


def connected(cloud: LocalCloud) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(cloud.endpoint_url.rsplit(":", 1)[1])), timeout=60)


def test_a_connection_that_its_client_closed_is_closed_at_once(local_cloud: LocalCloud) -> None:
    with connected(local_cloud) as client:
        client.sendall(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        client.shutdown(socket.SHUT_WR)
        while client.recv(65_536):
            pass  # the server's end comes long before its timeout of 75 s, or this socket's of 60 s fails the test


def test_when_every_connection_works_the_next_client_is_told_to_come_again(tmp_path: Path) -> None:
    with LocalCloud(tmp_path, open_files=256) as cloud, ExitStack() as opened:
        waiting = opened.enter_context(selectors.DefaultSelector())
        clients: list[socket.socket] = []
        answers = b""
        while b"503" not in answers:
            assert len(clients) < 1_000
            clients.append(opened.enter_context(connected(cloud)))
            with suppress(OSError):  # refused, or closed before it had said anything
                # a body that is announced and never comes
                clients[-1].sendall(b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
                waiting.register(clients[-1], selectors.EVENT_READ, data=len(clients) - 1)
                for key, _ in waiting.select(timeout=0):
                    waiting.unregister(key.fileobj)
                    answers += clients[key.data].recv(4096)
        assert b"HTTP/1.1 503 Service Unavailable\r\n" in answers
        assert b"Retry-After: 1\r\nConnection: close\r\n" in answers


_FAILING = """
import sys
from local.cloud import __main__, server
installed = server.install
async def fail():
    raise OSError(5, "Input/output error")
server.install = lambda *given: installed(*given) | {"Firehose": fail}
sys.exit(__main__.main(["serve", "--port", "0", "--state", sys.argv[1]]))
"""


def test_a_part_that_fails_ends_the_process_with_a_status_and_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FAILING, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "local cloud: Firehose failed: OSError: [Errno 5] Input/output error; what was answered is on the disk: "
        "start it again\n"
    )
