"""Two ids with the same `xxhash64`, made by running XXH64 backwards: chance alone would never show one to a test."""

import random
import string
import struct
from typing import Final

_MASK: Final = 2**64 - 1
_P1: Final = 0x9E3779B185EBCA87
_P2: Final = 0xC2B2AE3D27D4EB4F
_P4: Final = 0x85EBCA77C2B2AE63
_P5: Final = 0x27D4EB2F165667C5
_SEED: Final = 42  # Spark's
_ALPHABET: Final = (string.ascii_letters + string.digits + string.punctuation).encode()


def colliding_ids(seed: int = 7) -> tuple[str, str]:
    """Return two different ids of 16 printable characters that Spark's `xxhash64` can't tell apart.

    Of a 16-byte text the hash takes two lanes, one after the other; whatever the first is, one second lane leads to a
    wanted state. Some first lane makes it printable.
    """
    dice = random.Random(seed)
    first = bytes(dice.choices(_ALPHABET, k=16))
    wanted = _after(_after(_start(), first[:8]), first[8:])
    while True:
        lane = bytes(dice.choices(_ALPHABET, k=8))
        other = lane + _lane_between(_after(_start(), lane), wanted)
        if other != first and all(byte in _ALPHABET for byte in other):
            return first.decode(), other.decode()


def _start() -> int:
    return (_SEED + _P5 + 16) & _MASK


def _after(state: int, lane: bytes) -> int:
    return (_rotated(state ^ _mixed(struct.unpack("<Q", lane)[0]), 27) * _P1 + _P4) & _MASK


def _lane_between(state: int, wanted: int) -> bytes:
    before = _rotated((wanted - _P4) * pow(_P1, -1, 2**64) & _MASK, 64 - 27)
    mixed = before ^ state
    unmixed = _rotated(mixed * pow(_P1, -1, 2**64) & _MASK, 64 - 31) * pow(_P2, -1, 2**64) & _MASK
    return struct.pack("<Q", unmixed)


def _mixed(value: int) -> int:
    return _rotated(value * _P2 & _MASK, 31) * _P1 & _MASK


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK
