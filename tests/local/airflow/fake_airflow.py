"""The `airflow` command, as far as its supervisor can tell: services that live in groups, and an API that says healthy.

$FAKE_AIRFLOW says what goes wrong: `migrate` fails, the `scheduler` dies at once, services are `stubborn` and have
children.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HEALTHY = {name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "dag_processor", "triggerer")}
ANSWERS = {
    "/auth/token": {"access_token": "t"},
    "/api/v2/monitor/health": HEALTHY,
    "/execution/health": {"status": "healthy"},
    "/api/v2/dags": {"dags": [{"dag_id": "transform_events"}]},
    "/api/v2/importErrors": {"import_errors": [{"filename": "broken.py", "stack_trace": "SettingsError: X not set"}]},
}


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(ANSWERS[self.path.partition("?")[0]])

    def do_POST(self) -> None:
        self._answer({})

    def do_PATCH(self) -> None:
        self._answer({})

    def _answer(self, body: object) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def main() -> None:
    what, wrong = sys.argv[1], os.environ.get("FAKE_AIRFLOW", "")
    if what == "db":
        print("no such revision")
        if wrong != "migrate":
            (Path(os.environ["AIRFLOW_HOME"]) / "airflow.db").write_text("migrated\n")
        sys.exit(wrong == "migrate")
    with (Path(os.environ["AIRFLOW_HOME"]) / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
        if wrong == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "600"])
            pids.write(f"{child.pid}\n")
    if what == "api-server":
        HTTPServer(("127.0.0.1", int(os.environ["AIRFLOW__API__PORT"])), Api).serve_forever()
    if what == wrong:
        print(f"{what} cannot reach its database")
        sys.exit(7)
    time.sleep(600)


if __name__ == "__main__":
    main()
