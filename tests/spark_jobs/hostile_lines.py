"""Hypothesis strategies for raw lines: valid ones in every spelling, and ones that are wrong in every way we know."""

import json
from typing import Final

from hypothesis import strategies as st

from contracts.envelope import Stamp, envelope_line

#: 2026-11-22T10:00:00Z
RECEIVED_AT: Final = 1_795_341_600_000

VALID_EVENT: Final = {
    "timestamp": '"2026-11-22 09:59:58.732726"',
    "user_id": '"35"',
    "pixel_id": '"wjgao4w1oi"',
    "click_id": '"a5cf179b9c9d483abf6d424d44a293be"',
    "insertion_timestamp": '"2026-11-22 09:59:58.732754"',
    "event_name": '"Search"',
    "user_ip": '""',
    "sent_at": '"2026-11-22 09:59:59"',
    "anonymous_id": '"device"',
    "page_url": '"https://shop.example/shoes?q=1"',
    "currency": '"EUR"',
}
VALID_ADDITIONAL: Final = {"time_on_data": "79", "percent_viewed": "39.7", "product_id": "557246", "price": "417.97"}

_TIMES: Final = st.sampled_from(
    [
        "2026-11-22 10:00:00",
        "2026-11-22 10:04:59.999999",
        "2026-11-22 10:05:00",
        "2026-11-22 10:05:00.000001",
        "2026-11-15 10:00:00",
        "2026-11-15 09:59:59.999999",
        "2026-11-22T09:30:00Z",
        "2026-11-22t09:30:00z",
        "2026-11-22T12:30:00.1234567+02:30",
        "2026-11-22 09:30:00.123456789Z",
        "2026-11-22T09:30:00",
        "2026-11-22 09:30:00.",
        "2026-11-22 09:30:00.1234567",
        "2026-11-22 23:59:60",
        "2026-11-22 24:00:00",
        "2026-02-30 09:00:00",
        "2024-02-29 09:00:00",
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1899-12-31 23:59:59.5",
        "2026-11-22 09:30:00+00:00",
        "2026-11-22 09:30:00+24:00",
        "2026-11-22 09:30:00 UTC",
        " 2026-11-22 09:30:00",
        "2026-11-22 09:30:00\n",
        "２026-11-22 09:30:00",
        "2026-11-22T09:30",
        "2026-11-22 09:30Z",
        "2026-11-22T09:30:00,5",
        "2026-11-22T09:30:00+0000",
        "2026-11-22 09:30:00 +02",
        "2026-11-22 09:30:00UTC ",
        "2026-11-22 09:30:00+00:00Z",
        "2026-11-22 09:30:00+2:00",
        "2026-11-22 09:60:60",
        "22/11/2026 09:30:00",
        "1795341540",
        "1795341540000",
        "1795341540000000",
        "1795341540.25",
        " 1795341540000 ",
        "-1795341540",
        "100000000000",
        "99999999999999",
        "yesterday",
        "",
    ]
)
_NUMBERS: Final = st.one_of(
    st.sampled_from(
        [
            "0",
            "-0",
            "-0.0",
            "1",
            "1.0",
            "1e2",
            "0.005",
            "1.005",
            "2.675",
            "-0.001",
            "-1",
            "1e-7",
            "123456789012345.675",
            "1234567890123456",
            "9999999999999999",
            "9007199254740992",
            "9007199254740993",
            "-9007199254740993",
            "10000000000000000",
            "1e16",
            "1e15",
            "1e400",
            "-1e400",
            "1.50",
            "999999999999999.995",
            "0.1e-400",
            "12345678901234567890123456789",
            "18446744073709551616",
            "557246.5",
            "5572460e-1",
        ]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(min_value=0, max_value=10**15, places=3).map(lambda number: f"{number:f}"),
    st.integers(-(10**20), 10**20).map(str),
)
_STRINGS: Final = st.one_of(
    st.text(max_size=12).map(json.dumps),
    st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        [
            r'"Search"',
            r'"a b.c:d-e_f"',
            r'"9x"',
            r'"x\n"',
            r'"\u0000"',
            r'"\ud800"',
            r'"\ud83d\ude00"',
            r'"\\ud800"',
            r'"\/"',
            '"purchase"',
            '" Add To Cart"',
            '"view_item"',
            '"加入购物车"',
            '"a\x85b"',
            '"eur"',
            '"ısk"',
            '"19.99"',
            '" 4.5 "',
            '"1,5"',
            '"https://shop.example/a?b#c"',
        ]
    ),
    st.sampled_from([256, 257, 128, 129, 64, 65]).flatmap(
        lambda length: st.sampled_from(["a", "é", "😀"]).map(
            lambda letter: json.dumps(letter * length, ensure_ascii=False)
        )
    ),
    _TIMES.map(lambda text: json.dumps(text, ensure_ascii=False)),
)
_NOT_JSON: Final = st.sampled_from(
    ["NaN", "-Infinity", "inf", "nan", "tru", "01", "+1", ".5", "1.", "'x'", "", '"\x01"', "[1,]", '{"a":1,}', "{", "]"]
)


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


json_values: Final = st.one_of(
    st.sampled_from(["null", "true", "false", "[]", "{}", '{"a":1,"a":2}', '[{"b":null}, 1.0]', '"nan, ]"', '":nan"']),
    st.sampled_from([61, 62, 63, 64, 70, 300, 3000]).map(_nested),
    _NUMBERS,
    _STRINGS,
    _NOT_JSON,
)
"""Any JSON text, and some that is none."""

_EPOCHS: Final = st.sampled_from(
    ["1795341540", "1795341540000", "1795341540000000", "1795341540.5", "1.79534154e9", "-1", "1e17", "0", "1e99999"]
)

_FITTING: Final = {
    "timestamp": st.one_of(_TIMES.map(lambda text: json.dumps(text, ensure_ascii=False)), _EPOCHS),
    "insertion_timestamp": st.one_of(_TIMES.map(json.dumps), _EPOCHS),
    "sent_at": st.one_of(_TIMES.map(json.dumps), _EPOCHS),
    "received_at": st.sampled_from(
        [
            "0",
            "1795341600000.0",
            "1795341600000",
            "1e12",
            "-1",
            "253402300799999",
            "253402300800000",
            "99999999999999999999",
        ]
    ),
    **dict.fromkeys(VALID_ADDITIONAL, st.one_of(_NUMBERS, _NUMBERS.map(lambda number: f'"{number}"'), _STRINGS)),
    **dict.fromkeys(("user_id", "click_id", "pixel_id", "anonymous_id"), st.one_of(_STRINGS, _NUMBERS)),
    **dict.fromkeys(("event_name", "user_ip", "page_url", "referrer", "utm_source", "currency"), _STRINGS),
}

#: A refund's price may be negative, another event's may not.
_EVENT_NAMES: Final = st.sampled_from(['"Search"', '"Search"', '"Refund"', '"refund"', '" order Refunded"'])
_PRICES: Final = st.sampled_from(
    ["417.97", "417.97", "417.97", "-417.97", '"-1.005"', "-0.0", "-1e16", "-9999999999999"]
)

_NAMES: Final = st.one_of(
    st.sampled_from([*VALID_EVENT, "additional_data", *VALID_ADDITIONAL, "received_at", "event"]).map(json.dumps),
    st.sampled_from(['"referrer"', '"\\u0075ser_id"', '""', '"a/b~c"', '"a.b"', '"$"', '"\\""', '"é"']),
)
_SPACES: Final = st.sampled_from(["", "", "", " ", "\t", " \r"])


@st.composite
def _object(draw: st.DrawFn, members: list[tuple[str, str]]) -> str:
    """An object of the members given, some changed, dropped, repeated or added."""
    written = [(json.dumps(name), value) for name, value in members]
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        kind = draw(st.sampled_from(["value", "value", "value", "drop", "add", "add", "repeat"]))
        at = draw(st.integers(0, max(len(written) - 1, 0)))
        if kind == "add" or not written:
            written.insert(at, (draw(_NAMES), draw(json_values)))
        elif kind == "value":
            name = written[at][0]
            values = _FITTING.get(json.loads(name), json_values) if draw(st.booleans()) else json_values
            written[at] = (name, draw(values))
        elif kind == "drop":
            del written[at]
        else:
            written.append(written[at])
    space = draw(_SPACES)
    return "{" + f",{space}".join(f"{name}:{space}{value}" for name, value in written) + draw(_SPACES) + "}"


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    """A raw line without its newline: an envelope around an event, each perhaps changed."""
    additional = draw(_object(list((VALID_ADDITIONAL | {"price": draw(_PRICES)}).items())))
    known = VALID_EVENT | {"event_name": draw(_EVENT_NAMES)}
    event = draw(_object([*known.items(), ("additional_data", additional)]))
    if draw(st.booleans()):
        stamp = Stamp(received_at=RECEIVED_AT, request_id="r", source_ip="10.0.0.1", user_agent='A "quoted" one')
        return envelope_line(stamp, event.encode()).removesuffix(b"\n")
    members = [("received_at", str(RECEIVED_AT)), ("request_id", '"r"'), ("source_ip", '""'), ("user_agent", '"u"')]
    return draw(_object([*members, ("event", event)])).encode()


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A line with a byte changed, which often is no UTF-8 any more."""
    line = bytearray(draw(envelopes()))
    line[draw(st.integers(0, len(line) - 1))] = draw(st.integers(0, 255))
    return bytes(line)


@st.composite
def _bare_events(draw: st.DrawFn) -> bytes:
    """An event without an envelope, which may have fields of its own that are named like an envelope's."""
    members = [("received_at", str(RECEIVED_AT)), ("event", draw(st.sampled_from(['"click"', "null", "{}", "7"])))]
    return draw(_object([*VALID_EVENT.items(), *members])).encode()


def _marked() -> st.SearchStrategy[bytes]:
    """A line behind one byte order mark, or two."""
    return st.tuples(st.sampled_from([1, 1, 2]), envelopes()).map(lambda drawn: "\ufeff".encode() * drawn[0] + drawn[1])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Any line; it may hold newlines, and so be several."""
    kind = draw(st.integers(0, 21))
    if kind < 16:
        return draw(envelopes())
    kinds = (_damaged(), _damaged(), json_values.map(str.encode), st.binary(max_size=40), _bare_events(), _marked())
    return draw(kinds[kind - 16])
