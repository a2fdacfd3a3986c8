"""Which account of this machine is at the other end of a loopback connection.

The kernel knows who made a socket and lists it, with the account's number, in /proc/net/tcp and tcp6: the other
end of our connection is the line that has our remote address as its own. Where there is no such list, or the
line is missing, nobody is known.
"""

from __future__ import annotations

import socket
import struct
import sys
from ipaddress import ip_address
from pathlib import Path

Address = tuple[str, int]

LISTS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# A socket whose process closed it belongs to nobody, and is listed as root's: only living connections count.
_ESTABLISHED = "01"
_NO_INODE = "0"


def account_of(client: Address | None, server: Address | None) -> int | None:
    """The account (uid) that made the client's end of a connection, None where that is not known.

    Parameters
    ----------
    client, server : (host, port)
        Both ends as the server sees them; only loopback addresses are looked up.
    """
    if client is None or server is None:
        return None
    try:
        if not (ip_address(client[0]).is_loopback and ip_address(server[0]).is_loopback):
            return None
    except ValueError:
        return None
    for file, mapped in zip(LISTS, (False, True), strict=True):
        wanted = f" {_listed(client, mapped)} {_listed(server, mapped)} {_ESTABLISHED} "
        try:
            lines = file.read_text(encoding="ascii")
        except OSError:
            continue
        if (at := lines.find(wanted)) >= 0:
            fields = lines[at : lines.find("\n", at)].split()
            return int(fields[6]) if fields[8] != _NO_INODE else None
    return None


def _listed(address: Address, mapped: bool) -> str:
    """An address as the kernel lists it: its bytes in words of this machine's order, then the port."""
    host, port = ip_address(address[0]), address[1]
    packed = host.packed
    if mapped and host.version == 4:
        packed = socket.inet_pton(socket.AF_INET6, f"::ffff:{host}")
    words = struct.unpack(f"{'<' if sys.byteorder == 'little' else '>'}{len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
