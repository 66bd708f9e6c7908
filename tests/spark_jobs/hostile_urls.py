"""Hypothesis strategies for addresses of pages: put together from parts, right and wrong ones, in any order."""

from hypothesis import strategies as st

_PARTS = st.sampled_from(
    [
        *(
            "https",
            "HTTP",
            "android-app",
            "1st",
            "h+t.t-p",
            ":",
            "/",
            "//",
            "://",
            "://",
            "://",
            "\\",
            "@",
            "ann",
            "pass word",
        ),
        *(
            "shop.example",
            "Shop.EXAMPLE",
            "www.",
            "xn--bcher-kva.example",
            "bücher.example",
            "İ.example",
            "ΣΑΣ",
            "\u0080",
        ),
        *(
            "a_b-c.d",
            ".",
            "..",
            "%41",
            "203.0.113.7",
            "[2001:DB8::1]",
            "[::1",
            "]",
            "[",
            "[]",
            "[::1]",
            "80",
            ":443",
            ":0443",
        ),
        *("٣", "\n", "\0", "\t", " ", "\x7f", "'", '"', "$", "^", "~", "?", "#", "😀", "\ufffd", "e\u0301"),
    ]
)
_AUTHORITIES = st.lists(_PARTS, max_size=4).map("".join)

#: Texts that often are an address, and often nearly so.
URLS: st.SearchStrategy[str | None] = st.one_of(
    st.none(),
    st.lists(_PARTS, max_size=6).map("".join),
    st.builds(
        "{}://{}{}".format, st.sampled_from(["https", "http", "a", ""]), _AUTHORITIES, st.sampled_from(["", "/", "/a"])
    ),
    st.text(max_size=12).map("https://{}".format),
)
