"""Chromium, as far as its two pipes go: what is asked of a page is true, and two pictures are the same, only later.

It writes the methods that it was sent into the file $SENT, one a line.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

PICTURES = [b"still loading", b"at rest", b"at rest", b"at rest"]


def main() -> None:
    sent = Path(os.environ["SENT"])
    pictures, answers = iter(PICTURES), iter([False, True, True, True, True])
    with os.fdopen(3, "rb") as commands, os.fdopen(4, "wb") as out:
        unread = b""
        while chunk := os.read(commands.fileno(), 65_536):
            *messages, unread = (unread + chunk).split(b"\0")
            for message in map(json.loads, messages):
                with sent.open("a") as file:
                    file.write(message["method"] + "\n")
                out.write(b'{"method": "Page.loadEventFired", "params": {}}\0')
                out.write(json.dumps(answer(message, pictures, answers)).encode() + b"\0")
                out.flush()


def answer(message: dict[str, Any], pictures: Any, answers: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    match message["method"]:
        case "Target.createTarget":
            result = {"targetId": "tab"}
        case "Target.attachToTarget":
            result = {"sessionId": "session"}
        case "Runtime.evaluate" if "createElement" in message["params"]["expression"]:
            result = {"result": {"type": "undefined"}}
        case "Runtime.evaluate" if message["params"]["expression"] == "broken":
            result = {"result": {}, "exceptionDetails": {"text": "ReferenceError"}}
        case "Runtime.evaluate" if "never" in message["params"]["expression"]:
            result = {"result": {"value": False}}
        case "Runtime.evaluate" if "?? ''" in message["params"]["expression"]:
            result = {"result": {"value": "404 Page Not Found"}}
        case "Runtime.evaluate":
            result = {"result": {"value": next(answers)}}
        case "Page.captureScreenshot":
            result = {"data": base64.b64encode(next(pictures)).decode()}
        case "Input.insertText":
            return {"id": message["id"], "error": {"message": "nothing has the focus"}}
    return {"id": message["id"], "result": result}


if __name__ == "__main__":
    main()
