"""What tests do in a page of the shop."""

import json
import time

from playwright.sync_api import Page

from tests.tracker.fake_api import PATIENCE


def record(page: Page, name: str, properties: dict[str, object] | None = None) -> None:
    """Record one event."""
    page.evaluate("([name, properties]) => clickstream(name, properties)", [name, properties])


def record_many(page: Page, count: int, *, name: str = "E", size: int = 0) -> None:
    """Record `count` events of about `size` more bytes than usual, named E0, E1, …"""
    page.evaluate(
        "([count, name, size]) => { for (let i = 0; i < count; i++) clickstream(name + i, {x: 'x'.repeat(size)}) }",
        [count, name, size],
    )


def flush(page: Page) -> None:
    """Send what waits."""
    page.evaluate("clickstream.flush()")


def settle(page: Page) -> None:
    """Wait until the page's queue is empty and it knows it: it lets its locks go."""
    wait_for_no_lock(page)


def wait_for_no_lock(page: Page) -> None:
    """Wait until the page holds no lock and asks for none."""
    deadline = time.monotonic() + PATIENCE
    while page.evaluate("navigator.locks.query().then(({held, pending}) => held.length + pending.length)"):
        assert time.monotonic() < deadline, "the page still has a lock"


def wait_for_lock(page: Page) -> None:
    """Wait until a page that had no events has some: it holds a lock for as long as it has."""
    page.wait_for_function("navigator.locks.query().then(locks => locks.held.length > 0)")


def watch_replies(page: Page) -> None:
    """Let `wait_for_reply` know when the tracker has read a reply, or learned that there is none."""
    page.evaluate("""() => {
        const send = fetch
        window.repliesRead = 0
        window.fetch = async (...request) => {
            try {
                const reply = await send(...request)
                await reply.clone().text()
                return reply
            } finally {
                setTimeout(() => repliesRead++)
            }
        }
    }""")


def wait_for_reply(page: Page, count: int = 1) -> None:
    """Wait until the tracker has read so many replies, and set the timer that the test's clock moves."""
    deadline = time.monotonic() + PATIENCE
    while page.evaluate("repliesRead") < count:
        assert time.monotonic() < deadline, "the page got fewer replies"
        page.clock.run_for(1)


def hide(page: Page) -> None:
    """Hide the page, as another tab in front of it would."""
    _set_hidden(page, hidden=True)


def show(page: Page) -> None:
    """Bring the page to the front again."""
    _set_hidden(page, hidden=False)


def _set_hidden(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, 'hidden', {value: hidden, configurable: true})
            document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))
        }""",
        hidden,
    )


def kill(page: Page) -> None:
    """Kill the process of a tab: no handler runs. The page's own session would wait for the answer of a dead one."""
    browser = page.context.browser
    assert browser is not None
    target = page.context.new_cdp_session(page).send("Target.getTargetInfo")["targetInfo"]["targetId"]
    session = browser.new_browser_cdp_session()
    attached = session.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]
    crash = json.dumps({"id": 1, "method": "Page.crash"})
    with page.expect_event("crash"):
        session.send("Target.sendMessageToTarget", {"sessionId": attached, "message": crash})
