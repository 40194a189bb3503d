"""Writing a zip archive front to back: entries as they are, each beginning at a multiple of 64 bytes.

The standard library's writer goes back to each header for the checksum, which it takes itself, in small pieces; here
the sum is known before. Sizes and places of 4 GiB and more stand in the extra fields of Zip64.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib

from tensorrs import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ZipWriter"]

_ALIGN = 64
# From here on sizes, places and counts do not stand in their short fields, which are full of ones then.
_LARGE = 0xFFFFFFFF
_MANY = 0xFFFF
# Names are UTF-8; the date is the first that a zip archive can have.
_FLAGS, _DATE = 0x800, 0x21


class ZipWriter:
    """An archive being written to `f`, which needs no more than `write`."""

    def __init__(self, f: Any) -> None:
        self.file = f
        self.at = _position(f)
        self.directory = bytearray()
        self.count = 0

    def add(self, name: str, data: Any) -> None:
        """Write an entry: bytes, or a flat tensor of bytes."""
        is_bytes = isinstance(data, bytes)
        crc = zlib.crc32(data) if is_bytes else _C.crc32(data)
        size, path = len(data), name.encode()
        large = struct.pack("<HHQQ", 1, 16, size, size) if size >= _LARGE else b""
        fill = -(self.at + 30 + len(path) + len(large) + 4) % _ALIGN
        extra = large + b"FB" + struct.pack("<H", fill) + b"Z" * fill
        fields = struct.pack("<HHHHIII", _FLAGS, 0, 0, _DATE, crc, *[_short(size)] * 2)
        self.list(path, fields, size)
        self.write(b"PK\3\4" + _version(large) + fields + struct.pack("<HH", len(path), len(extra)) + path + extra)
        if size:
            self.write(data if is_bytes else memoryview(data))

    def list(self, path: bytes, fields: bytes, size: int) -> None:
        """The line of the directory for an entry whose header comes next."""
        wide = [n for n in (size, size, self.at) if n >= _LARGE]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        self.directory += b"PK\1\2" + _version(extra) * 2 + fields
        self.directory += struct.pack("<HHHHHII", len(path), len(extra), 0, 0, 0, 0, _short(self.at))
        self.directory += path + extra
        self.count += 1

    def close(self) -> None:
        """Write the directory, which ends the archive."""
        begin, size = self.at, len(self.directory)
        end = begin + size
        tail = b""
        if begin >= _LARGE or size >= _LARGE or self.count >= _MANY:
            version = _version(b"large")
            tail += b"PK\6\6" + struct.pack("<Q", 44) + version * 2
            tail += struct.pack("<IIQQQQ", 0, 0, self.count, self.count, size, begin)
            tail += b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
        counts = [min(self.count, _MANY)] * 2
        tail += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, *counts, _short(size), _short(begin), 0)
        self.write(bytes(self.directory) + tail)

    def write(self, data: bytes | memoryview) -> None:
        """Append to the file."""
        self.file.write(data)
        self.at += len(data)


def _short(n: int) -> int:
    """A size or a place in a field of 32 bits."""
    return 0xFFFFFFFF if n >= _LARGE else n


def _version(large: bytes) -> bytes:
    """The version of the format that an entry needs: 2.0, with Zip64 4.5."""
    return struct.pack("<H", 45 if large else 20)


def _position(f: Any) -> int:
    """Where a file stands; what cannot tell begins here."""
    try:
        return int(f.tell())
    except (AttributeError, OSError):
        return 0
