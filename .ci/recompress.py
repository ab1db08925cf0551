"""Write each wheel anew, as small as deflate allows; pip and the index read it as any other.

    python .ci/recompress.py WHEEL...

Members keep their order, times and modes, so the same wheel gives the same bytes. Needs zopfli.
"""

from __future__ import annotations

import binascii
import struct
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import zopfli.zlib

ZLIB_HEADER_BYTES = 2
ZLIB_CHECKSUM_BYTES = 4
VERSION = 20  # of the format: deflate
UTF8_NAMES = 1 << 11
UNIX = 3


def main() -> None:
    """Replace each wheel of the command line."""
    for path in map(Path, sys.argv[1:]):
        before = path.stat().st_size
        recompress(path)
        print(f"{path.name}: {before:,} to {path.stat().st_size:,} bytes")


def recompress(path: Path) -> None:
    """Replace a wheel by one of the same members; entries for folders, which say nothing, go."""
    with ZipFile(path) as source:
        members = [(info, source.read(info)) for info in source.infolist() if not info.is_dir()]
    new = path.with_suffix(".new")
    new.write_bytes(archive(members))
    with ZipFile(new) as written:
        if [(info.filename, written.read(info)) for info in written.infolist()] != [
            (info.filename, content) for info, content in members
        ]:
            raise RuntimeError(f"{new}: differs from {path} in its members")
    new.replace(path)


def archive(members: list[tuple[ZipInfo, bytes]]) -> bytes:
    """Return a zip file; the standard library's takes no compressor but its own."""
    entries = b""
    directory = b""
    for info, content in members:
        method, packed = pack(content)
        name = info.filename.encode()
        year, month, day, hour, minute, second = info.date_time
        fields = struct.pack(
            "<HHHHHLLLHH",
            VERSION,
            UTF8_NAMES,
            method,
            hour << 11 | minute << 5 | second // 2,
            (year - 1980) << 9 | month << 5 | day,
            binascii.crc32(content),
            len(packed),
            len(content),
            len(name),
            0,
        )
        directory += b"PK\1\2" + struct.pack("<BB", VERSION, UNIX) + fields
        directory += struct.pack("<HHHLL", 0, 0, 0, info.external_attr, len(entries)) + name
        entries += b"PK\3\4" + fields + name + packed
    count = len(members)
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), len(entries), 0)
    return entries + directory + b"PK\5\6" + end


def pack(content: bytes) -> tuple[int, bytes]:
    """Return the method and the bytes of a member: deflated, unless that makes it longer."""
    deflated = zopfli.zlib.compress(content)[ZLIB_HEADER_BYTES:-ZLIB_CHECKSUM_BYTES]
    if len(deflated) < len(content):
        return ZIP_DEFLATED, deflated
    return ZIP_STORED, content


if __name__ == "__main__":
    main()
