"""Message digests by the names that the JVM's providers give them. Pure.

Source: RFC 1319 (MD2), RFC 1320 (MD4); the rest is in Python's own library.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Final

__all__ = ["DIGESTS", "digest"]

_NAMES: Final = (
    "BLAKE2B-160 BLAKE2B-256 BLAKE2B-384 BLAKE2B-512 GOST3411-2012-256 GOST3411-2012-512 GOST3411 KECCAK-224 "
    "KECCAK-256 KECCAK-288 KECCAK-384 KECCAK-512 MD2 MD4 MD5 RIPEMD128 RIPEMD160 RIPEMD256 RIPEMD320 SHA-1 "
    "SHA-224 SHA-256 SHA-384 SHA-512 SHA-512/224 SHA-512/256 SHA SHA3-224 SHA3-256 SHA3-384 SHA3-512 "
    "Skein-1024-1024 Skein-1024-384 Skein-1024-512 Skein-256-128 Skein-256-160 Skein-256-224 Skein-256-256 "
    "Skein-512-128 Skein-512-160 Skein-512-224 Skein-512-256 Skein-512-384 Skein-512-512 SM3 Tiger TIGER "
    "WHIRLPOOL"
)
DIGESTS: Final = frozenset(_NAMES.split())
"""Names that are known; `digest` cannot compute all of them."""

_HASHLIB: Final = {
    "MD5": "md5",
    "RIPEMD160": "ripemd160",
    "SHA": "sha1",
    "SHA1": "sha1",
    "SHA-1": "sha1",
    "SHA-224": "sha224",
    "SHA224": "sha224",
    "SHA-256": "sha256",
    "SHA256": "sha256",
    "SHA-384": "sha384",
    "SHA384": "sha384",
    "SHA-512": "sha512",
    "SHA512": "sha512",
    "SHA-512/224": "sha512_224",
    "SHA-512/256": "sha512_256",
    "SHA3-224": "sha3_224",
    "SHA3-256": "sha3_256",
    "SHA3-384": "sha3_384",
    "SHA3-512": "sha3_512",
    "SM3": "sm3",
    "WHIRLPOOL": "whirlpool",
}


def digest(name: str, message: bytes) -> bytes:
    """Return the digest of a message. Raises: ValueError if it cannot be computed here."""
    if name == "MD2":
        return _md2(message)
    if name == "MD4":
        return _md4(message)
    if name.startswith("BLAKE2B-"):
        return hashlib.blake2b(message, digest_size=int(name[8:]) // 8).digest()
    if name.startswith("KECCAK-"):
        return _keccak(message, int(name[7:]))
    known = _HASHLIB.get(name)
    if known is None:
        raise ValueError(f"there is no digest {name!r} here")
    return hashlib.new(known, message, usedforsecurity=False).digest()


_PI: Final = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca1e9b573cfdd4e01667426f188a17e512"
    "be4ec4d6da9ede49a0fbf58ebb2fee7aa968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1459d705964718720865bcf65e62da802"
    "1b6025adaeb0b9f61c46616934407e0f5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39f2efb70e6658d0e4a67772f8eb754b0a"
    "314450b48fed1f1adb998d339f118314"
)


def _md2(message: bytes) -> bytes:
    pad = 16 - len(message) % 16
    message += bytes([pad]) * pad
    checksum, last = bytearray(16), 0
    for start in range(0, len(message), 16):
        for i in range(16):
            checksum[i] ^= _PI[message[start + i] ^ last]
            last = checksum[i]
    state = bytearray(48)
    for start in range(0, len(message) + 16, 16):
        block = (message + bytes(checksum))[start : start + 16]
        for i in range(16):
            state[16 + i] = block[i]
            state[32 + i] = state[16 + i] ^ state[i]
        t = 0
        for turn in range(18):
            for i in range(48):
                state[i] ^= _PI[t]
                t = state[i]
            t = (t + turn) % 256
    return bytes(state[:16])


def _md4(message: bytes) -> bytes:
    padded = message + b"\x80" + b"\x00" * ((55 - len(message)) % 64) + struct.pack("<Q", len(message) * 8)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    orders = (
        bytes(range(16)),
        bytes.fromhex("0004080c0105090d02060a0e03070b0f"),
        bytes.fromhex("0008040c020a060e0109050d030b070f"),
    )
    turns = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
    mixers: tuple[Callable[[int, int, int], int], ...] = (
        lambda x, y, z: (x & y) | (~x & z),
        lambda x, y, z: (x & y) | (x & z) | (y & z),
        lambda x, y, z: x ^ y ^ z,
    )
    added = (0, 0x5A827999, 0x6ED9EBA1)
    for start in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[start : start + 64])
        a, b, c, d = state
        for order, turn, mix, constant in zip(orders, turns, mixers, added, strict=True):
            for step, index in enumerate(order):
                total = (a + mix(b, c, d) + words[index] + constant) & 0xFFFFFFFF
                by = turn[step % 4]
                a, b, c, d = d, ((total << by) | (total >> (32 - by))) & 0xFFFFFFFF, b, c
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d), strict=True)]
    return struct.pack("<4I", *state)


_ROUNDS: Final = (
    0x1,
    0x8082,
    0x800000000000808A,
    0x8000000080008000,
    0x808B,
    0x80000001,
    0x8000000080008081,
    0x8000000000008009,
    0x8A,
    0x88,
    0x80008009,
    0x8000000A,
    0x8000808B,
    0x800000000000008B,
    0x8000000000008089,
    0x8000000000008003,
    0x8000000000008002,
    0x8000000000000080,
    0x800A,
    0x800000008000000A,
    0x8000000080008081,
    0x8000000000008080,
    0x80000001,
    0x8000000080008008,
)


def _keccak(message: bytes, bits: int) -> bytes:
    """The digest of the competition, before it became SHA-3 with other padding."""
    rate = 200 - bits // 4
    padded = bytearray(message + b"\x01" + b"\x00" * (-(len(message) + 1) % rate))
    padded[-1] |= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), rate):
        for i, word in enumerate(struct.unpack(f"<{rate // 8}Q", padded[start : start + rate])):
            lanes[i] ^= word
        lanes = _permuted(lanes)
    return struct.pack("<25Q", *lanes)[: bits // 8]


def _permuted(a: list[int]) -> list[int]:
    mask = (1 << 64) - 1

    def turned(value: int, by: int) -> int:
        by %= 64
        return ((value << by) | (value >> (64 - by))) & mask

    for constant in _ROUNDS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[(x + 4) % 5] ^ turned(c[(x + 1) % 5], 1) for x in range(5)]
        a = [a[i] ^ d[i % 5] for i in range(25)]
        x, y, current = 1, 0, a[1]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x + 5 * y] = a[x + 5 * y], turned(current, (t + 1) * (t + 2) // 2)
        for row in range(0, 25, 5):
            line = a[row : row + 5]
            for i in range(5):
                a[row + i] = line[i] ^ (~line[(i + 1) % 5] & mask & line[(i + 2) % 5])
        a[0] ^= constant
    return a
