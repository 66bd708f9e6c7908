"""Views → one HTML file with all that draws them: the scripts and styles of the pages, and the figures as JSON.

A policy in the file lets run what the file holds by hash, and nothing else, and lets nothing be asked for: whatever a
product or an event is called, it stays text.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from clickstream_report.bundle import bundle
from pages.app import STATIC
from pages.panels import View, to_json

_HERE: Final = Path(__file__).parent
_STYLES: Final = (STATIC / "uplot" / "uPlot.min.css", STATIC / "page.css", _HERE / "report.css")


def document(day: date, views: Sequence[View], made_at: datetime) -> str:
    """Return the file of a day."""
    theme, locale, plot = ((STATIC / name).read_text() for name in ("theme.js", "locale.js", "uplot/uPlot.iife.min.js"))
    scripts = [theme, locale, plot, bundle(_HERE / "report.js")]
    styles = [path.read_text(encoding="utf-8") for path in _STYLES]
    title = f"Clickstream, {day:%A} {day}"
    made = made_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    figures = {"title": title, "made": made, "views": [to_json(view) for view in views]}
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts, styles)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<script>{theme}</script>",
            *(f"<style>{style}</style>" for style in styles),
            "</head>\n<body>\n<noscript>This report is drawn by JavaScript: allow it for this file.</noscript>",
            f'<script type="application/json" id="figures">{in_script(figures)}</script>',
            *(f"<script>{script}</script>" for script in scripts[1:]),
            "</body>\n</html>\n",
        ]
    )


def in_script(value: object) -> str:
    """Return JSON that stays inside of a script element, whatever the texts are: `<` cannot end it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    by_hash = [" ".join(f"'sha256-{_hash(text)}'" for text in texts) for texts in (scripts, styles)]
    return (
        f"default-src 'none'; script-src {by_hash[0]}; style-src {by_hash[1]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
