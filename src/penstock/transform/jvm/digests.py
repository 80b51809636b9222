"""Message digests by the names that the JVM's providers give them. Pure.

Source: RFC 1319 (MD2), RFC 1320 (MD4); the rest is in Python's own library.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

__all__ = ["DIGESTS", "digest"]

DIGESTS: Final = frozenset(
    "BLAKE2B-160 BLAKE2B-256 BLAKE2B-384 BLAKE2B-512 GOST3411-2012-256 GOST3411-2012-512 GOST3411 KECCAK-224 KECCAK-256 "
    "KECCAK-288 KECCAK-384 KECCAK-512 MD2 MD4 MD5 RIPEMD128 RIPEMD160 RIPEMD256 RIPEMD320 SHA-1 SHA-224 SHA-256 SHA-384 "
    "SHA-512 SHA-512/224 SHA-512/256 SHA SHA3-224 SHA3-256 SHA3-384 SHA3-512 Skein-1024-1024 Skein-1024-384 "
    "Skein-1024-512 Skein-256-128 Skein-256-160 Skein-256-224 Skein-256-256 Skein-512-128 Skein-512-160 Skein-512-224 "
    "Skein-512-256 Skein-512-384 Skein-512-512 SM3 Tiger TIGER WHIRLPOOL".split()
)
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


_PI: Final = (
    41, 46, 67, 201, 162, 216, 124, 1, 61, 54, 84, 161, 236, 240, 6, 19, 98, 167, 5, 243, 192, 199, 115, 140, 152, 147, 43,
    217, 188, 76, 130, 202, 30, 155, 87, 60, 253, 212, 224, 22, 103, 66, 111, 24, 138, 23, 229, 18, 190, 78, 196, 214, 218,
    158, 222, 73, 160, 251, 245, 142, 187, 47, 238, 122, 169, 104, 121, 145, 21, 178, 7, 63, 148, 194, 16, 137, 11, 34, 95,
    33, 128, 127, 93, 154, 90, 144, 50, 39, 53, 62, 204, 231, 191, 247, 151, 3, 255, 25, 48, 179, 72, 165, 181, 209, 215, 94,
    146, 42, 172, 86, 170, 198, 79, 184, 56, 210, 150, 164, 125, 182, 118, 252, 107, 226, 156, 116, 4, 241, 69, 157, 112, 89,
    100, 113, 135, 32, 134, 91, 207, 101, 230, 45, 168, 2, 27, 96, 37, 173, 174, 176, 185, 246, 28, 70, 97, 105, 52, 64, 126,
    15, 85, 71, 163, 35, 221, 81, 175, 58, 195, 92, 249, 206, 186, 197, 234, 38, 44, 83, 13, 110, 133, 40, 132, 9, 211, 223, 205,
    244, 65, 129, 77, 82, 106, 220, 55, 200, 108, 193, 171, 250, 36, 225, 123, 8, 12, 189, 177, 74, 120, 136, 149, 139, 227,
    99, 232, 109, 233, 203, 213, 254, 59, 0, 29, 57, 242, 239, 183, 14, 102, 88, 208, 228, 166, 119, 114, 248, 235, 117, 75,
    10, 49, 68, 80, 180, 143, 237, 31, 26, 219, 153, 141, 51, 159, 17, 131, 20,
)  # fmt: skip


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
    orders = (range(16), [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15])  # fmt: skip
    turns = ((3, 7, 11, 19), (3, 5, 9, 13), (3, 9, 11, 15))
    mixers = (
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
    0x1, 0x8082, 0x800000000000808A, 0x8000000080008000, 0x808B, 0x80000001, 0x8000000080008081, 0x8000000000008009, 0x8A, 0x88,
    0x80008009, 0x8000000A, 0x8000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002,
    0x8000000000000080, 0x800A, 0x800000008000000A, 0x8000000080008081, 0x8000000000008080, 0x80000001, 0x8000000080008008,
)  # fmt: skip


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
