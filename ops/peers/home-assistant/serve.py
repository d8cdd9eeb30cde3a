"""Runs Home Assistant, and leads a Unix socket to its port.

A network namespace of its own keeps Home Assistant from every network, even where it does not keep to its configuration: in
recovery mode it listens on all addresses. The file system is shared, so the socket is the one way in.

    serve.py SOCKET PORT HASS CONFIG_DIR

Ends with Home Assistant.
"""

import asyncio
import fcntl
import signal
import socket
import struct
import subprocess
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP, IFF_MULTICAST = 0x8913, 0x8914, 1, 0x1000
# Bytes read at once.
CHUNK = 64 * 1024


def loopback_up():
    """Where this is a new namespace, its loopback is down. Elsewhere this changes nothing.

    Multicast has to lead somewhere, or parts of Home Assistant do not start.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(s, SIOCGIFFLAGS, request))
        if not flags & IFF_UP:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP | IFF_MULTICAST))
            subprocess.run(["ip", "route", "add", "224.0.0.0/4", "dev", "lo"], check=False)


async def pump(reader, writer):
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def main(path, port, hass, config):
    async def relay(reader, writer):
        try:
            to_hass, from_hass = None, None
            from_hass, to_hass = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, to_hass), pump(from_hass, writer))
        except OSError:
            pass  # Home Assistant does not listen (yet): the other side sees a closed connection.
        finally:
            writer.close()
            if to_hass:
                to_hass.close()

    await asyncio.start_unix_server(relay, path)
    # It is for Home Assistant, which writes its files and ends; then so does this.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
    process = await asyncio.create_subprocess_exec(hass, "-c", config, "--skip-pip")
    print(f"relay at {path}", flush=True)
    return await process.wait()


if __name__ == "__main__":
    loopback_up()
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])))
