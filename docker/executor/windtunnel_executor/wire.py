"""The executor's end of the socket: non-blocking, without a thread of its own, reconnecting by itself."""

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
RECONNECT_EVERY_S = 0.5
REFUSED_FOR_S = 10.0
LINE_LIMIT = 4_000_000
# One call reads at most about this much, so that a flood cannot block the scheduler's loop.
READ_LIMIT = 8_000_000
AWAY = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class Wire:
    """Lines of JSON both ways. Never raises because of the network; its owner sends again what was lost."""

    def __init__(self, address: str, greeting: Callable[[], Iterable[dict[str, Any]]], log: Any) -> None:
        self._address = address
        self._greeting = greeting
        self._log = log
        self._socket: socket.socket | None = None
        self._out = bytearray()
        self._in = bytearray()
        self._next_connect = 0.0
        self._logged: str | None = None
        self._was_refused = False
        # LocalExecutor, as the first executor, forks: a child with the socket would keep it open after our death.
        if hasattr(os, "register_at_fork"):
            me = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: (wire := me()) and wire.close())

    @property
    def connected(self) -> bool:
        return self._socket is not None

    @property
    def unsent(self) -> bool:
        return self._socket is not None and bool(self._out)

    def write(self, message: dict[str, Any]) -> None:
        """Without a connection it does nothing: the greeting of the next one sends what has no answer."""
        if self._socket is not None:
            self._out += json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def exchange(self) -> list[dict[str, Any]]:
        """Connect if necessary, send what can be sent, return the messages that came."""
        if self._socket is None and not self._connect():
            return []
        messages = self._read()
        self.flush()
        return messages

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
        if now < self._next_connect:
            return False
        self._next_connect = now + RECONNECT_EVERY_S
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
            self._log_change(f"cannot reach the harness at {self._address!r}: {error}")
            return False
        self.close()
        self._socket = sock
        # What refused us is likely to do it again: that is one line, not two in turn.
        if not self._was_refused:
            self._log_change(f"connected to the harness at {self._address!r}")
        self._was_refused = False
        for message in self._greeting():
            self.write(message)
        return True

    def _read(self) -> list[dict[str, Any]]:
        read = 0
        lost: Exception | None = None
        while self._socket is not None and read < READ_LIMIT:
            try:
                chunk = self._socket.recv(262_144)
            except OSError as error:
                if error.errno not in AWAY:
                    lost = error
                break
            if not chunk:
                lost = ConnectionError("closed by the harness")
                break
            read += len(chunk)
            self._in += chunk
        *lines, rest = bytes(self._in).split(b"\n")
        self._in = bytearray(rest)
        if len(rest) > LINE_LIMIT:
            lost = ValueError("a line without an end")
        messages = [message for line in lines if (message := self._parse(line)) is not None]
        # It is the last one of its connection.
        if messages and messages[-1].get("type") == "refused":
            lost = ConnectionError(f"refused: {messages.pop().get('why')}")
            self._was_refused = True
            self._next_connect = time.monotonic() + REFUSED_FOR_S
        if lost is not None:
            self._lost(lost)
        return messages

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
        self._log_change(f"lost the harness: {error}")
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._out.clear()

    def _log_change(self, text: str) -> None:
        # Once per change: a scheduler that waits an hour for the harness logs one line.
        if text != self._logged:
            self._logged = text
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
