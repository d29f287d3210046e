"""The executor's end of the socket: non-blocking, operated by its caller, reconnecting by itself."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any

CONNECT_S = 0.2
KNOCK_EVERY_S = 0.5
LINE_LIMIT = 4_000_000
# A round of reading ends here, so that a flood cannot keep the scheduler from its loop.
READ_LIMIT = 8_000_000
AWAY = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class Wire:
    """Lines of JSON both ways. Never raises for the sake of the network; what it lost, its owner sends again."""

    def __init__(self, address: str, greeting: Callable[[], Iterable[dict[str, Any]]], log: Any) -> None:
        self._address = address
        self._greeting = greeting
        self._log = log
        self._socket: socket.socket | None = None
        self._out = bytearray()
        self._in = bytearray()
        self._next_knock = 0.0
        self._told: str | None = None
        # LocalExecutor, as the first executor, forks: a child that kept the socket would keep it open after our death.
        if hasattr(os, "register_at_fork"):
            me = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: (wire := me()) and wire.close())

    @property
    def unsent(self) -> bool:
        return self._socket is not None and bool(self._out)

    def write(self, message: dict[str, Any]) -> None:
        """Without a connection there is nothing to do: the greeting of the next one repeats what matters."""
        if self._socket is not None:
            self._out += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def exchange(self) -> list[dict[str, Any]]:
        """Connect if need be, send what can be sent, return what was received."""
        if self._socket is None and not self._connect():
            return []
        received = self._read()
        self.flush()
        return received

    def flush(self) -> None:
        while self._socket is not None and self._out:
            try:
                del self._out[: self._socket.send(self._out)]
            except OSError as error:
                if error.errno not in AWAY:
                    self._lost(error)
                return

    def wait(self, seconds: float) -> None:
        if self._socket is None:
            time.sleep(seconds)
            return
        try:
            select.select([self._socket], [self._socket] if self._out else [], [], seconds)
        except (OSError, ValueError):
            # ValueError: a descriptor beyond select's 1024. The caller's deadline still ends the wait.
            time.sleep(seconds)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._out.clear()
        self._in.clear()

    def _connect(self) -> bool:
        now = time.monotonic()
        if now < self._next_knock:
            return False
        self._next_knock = now + KNOCK_EVERY_S
        sock = None
        try:
            family, where = parse_address(self._address)
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(CONNECT_S)
            sock.connect(where)
            sock.setblocking(False)
            if family != getattr(socket, "AF_UNIX", None):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, ValueError) as error:
            if sock is not None:
                sock.close()
            self._tell(f"cannot reach the harness at {self._address!r}: {error}")
            return False
        self.close()
        self._socket = sock
        self._tell(f"connected to the harness at {self._address!r}")
        for message in self._greeting():
            self.write(message)
        return True

    def _read(self) -> list[dict[str, Any]]:
        read = 0
        while self._socket is not None and read < READ_LIMIT:
            try:
                chunk = self._socket.recv(262_144)
            except OSError as error:
                if error.errno not in AWAY:
                    self._lost(error)
                break
            if not chunk:
                self._lost(ConnectionError("closed by the harness"))
                break
            read += len(chunk)
            self._in += chunk
        *lines, rest = bytes(self._in).split(b"\n")
        self._in = bytearray(rest)
        if len(rest) > LINE_LIMIT:
            self._lost(ValueError("a line without an end"))
        return [message for line in lines if (message := self._parse(line)) is not None]

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self._log.warning("windtunnel: the harness sent %d bytes that are no message", len(line))
            return None
        return message

    def _lost(self, error: Exception) -> None:
        self._tell(f"lost the harness: {error}")
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._out.clear()

    def _tell(self, text: str) -> None:
        # Once per change: a scheduler that waits for the harness for an hour writes one line.
        if text != self._told:
            self._told = text
            self._log.info("windtunnel: %s", text)


def parse_address(address: str) -> tuple[int, Any]:
    kind, _, rest = address.partition(":")
    if kind == "unix" and rest and hasattr(socket, "AF_UNIX"):
        return socket.AF_UNIX, rest
    if kind == "tcp" and rest.count(":") >= 1:
        host, _, port = rest.rpartition(":")
        host = host.strip("[]")
        return (socket.AF_INET6 if ":" in host else socket.AF_INET), (host, int(port))
    raise ValueError("WINDTUNNEL_HANDOFF must be unix:/path/to.sock or tcp:127.0.0.1:port")
