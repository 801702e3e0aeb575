"""A wire that may be cut: a TCP proxy on 127.0.0.1 between one worker and one service."""

import contextlib
import socket
import threading

from tests.servers import free_port


class Wire:
    """Passes bytes on until it is cut; once repaired, it drops the old connections."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._is_whole = threading.Event()
        self._is_whole.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through; neither side learns of it."""
        self._is_whole.clear()

    def repair(self) -> None:
        """Let new connections through; old ones are reset."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    # A close alone would wait for the reading thread, without telling the other
                    # side.
                    each.shutdown(socket.SHUT_RDWR)
            self._open.clear()
        self._is_whole.set()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
        self.repair()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._is_whole.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            self._open |= {near, far}
        for one, other in ((near, far), (far, near)):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                self._is_whole.wait()
                other.sendall(data)
        except OSError:
            pass
        finally:
            for each in (one, other):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
            with self._lock:
                self._open -= {one, other}
