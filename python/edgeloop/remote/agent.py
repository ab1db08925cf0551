"""The agent: edgeloop on a board, asked over ssh by an edgeloop elsewhere.

It measures as a command there would, with workers and watchers of its own, so that nothing of the
network lies between two blocks. What a result's file would hold goes back line by line. The end of
its input stops it, in the middle of a run too.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Callable, Optional

from edgeloop.errors import EdgeloopError, InterruptedRunError, RuntimeFailedError, one_line
from edgeloop.measure.observer import Progress
from edgeloop.remote.stream import ALIVE, MARKER, PipeSink, PipeSource
from edgeloop.worker.protocol import (
    ConnectionClosedError,
    Message,
    ProtocolError,
    Received,
    error_body,
    receive,
    send,
)

# Pieces of files that may wait for the disk.
_WAITING = 4

# To put the governor back and end the workers, when the other side is gone.
_LAST_S = 10.0

_PROGRESS_S = 0.5

_ALIVE_S = 15.0


def main() -> None:
    """Serve the streams that ssh gives; what runtimes print to stdout goes to stderr."""
    source, sink = PipeSource(os.dup(0)), PipeSink(os.dup(1))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sink.sendall(MARKER)
    Agent(source, sink).serve()


class Agent:
    """Answers one edgeloop elsewhere."""

    def __init__(self, source: PipeSource, sink: PipeSink) -> None:
        self._source = source
        self._sink = sink
        self._requests: queue.Queue[Optional[Received]] = queue.Queue(_WAITING)
        self._one_message = threading.Lock()
        self._interruptible = False
        self._sending = False
        self._interrupted = False
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "find-copy": self._find_copy,
            "copy": self._copy,
            "measure": self._measure,
            "compare": self._compare,
            "examine": self._examine,
            "temperature": self._temperature,
        }

    def serve(self) -> None:
        """Say hello and answer until the other side is gone."""
        import edgeloop

        self._send({
            "type": "hello",
            "edgeloop": edgeloop.__version__,
            "python": ".".join(str(part) for part in sys.version_info[:3]),
            "executable": sys.executable,
        })  # fmt: skip
        signal.signal(signal.SIGINT, self._on_interrupt)
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        threading.Thread(target=self._live, name="alive", daemon=True).start()
        while True:
            request = self._requests.get()
            if request is None:
                return
            with suppress(ConnectionClosedError):
                self._send(self._answer(request.body))

    def _read(self) -> None:
        """Take requests as they come: an interruption, and the end, must not wait their turn."""
        while True:
            try:
                request = receive(self._source)
            except (ConnectionClosedError, ProtocolError, OSError):
                break
            if request.body.get("type") == "interrupt":
                self._interrupt()
            else:
                self._requests.put(request)
        self._interrupt()
        with suppress(queue.Full):
            self._requests.put(None, timeout=_LAST_S)
        time.sleep(_LAST_S)
        os._exit(1)  # the main thread hangs, in a library perhaps

    def _live(self) -> None:
        """Say that this process is not frozen: the other side waits as long as it hears that."""
        while True:
            time.sleep(_ALIVE_S)
            try:
                with self._one_message:
                    send(self._sink, Message({"type": ALIVE}))
            except ConnectionClosedError:
                return

    def _interrupt(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def _on_interrupt(self, number: int, frame: Any) -> None:
        """Stop a measurement, but never in the middle of a message."""
        if self._sending:
            self._interrupted = True
        elif self._interruptible:
            raise KeyboardInterrupt

    def _send(self, body: dict[str, Any]) -> None:
        self._sending = True
        try:
            with self._one_message:
                send(self._sink, Message(body))
        finally:
            self._sending = False
        if self._interrupted:
            self._interrupted = False
            if self._interruptible:
                raise KeyboardInterrupt

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._answers[str(body.get("type"))](body)
        except EdgeloopError as error:
            return error_body(error)
        except KeyboardInterrupt:
            return error_body(InterruptedRunError("interrupted"))
        except ConnectionClosedError:
            raise
        except Exception as error:
            traceback.print_exc()
            return error_body(RuntimeFailedError(f"the agent failed: {one_line(error)}"))

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    def _find_copy(self, body: dict[str, Any]) -> dict[str, Any]:
        from edgeloop.remote.cache import place_of

        place = place_of(str(body["digest"]))
        return {"type": "copy", "here": place.is_dir(), "folder": str(place)}

    def _copy(self, body: dict[str, Any]) -> dict[str, Any]:
        """Take the files that follow, all of them, whatever becomes of them."""
        from edgeloop.remote.cache import Incoming

        failed: Optional[EdgeloopError] = None
        incoming: Optional[Incoming] = None
        try:
            incoming = Incoming(str(body["digest"]))
        except EdgeloopError as error:
            failed = error
        try:
            while (request := self._requests.get()) is not None:
                kind = request.body["type"]
                if kind == "copied":
                    break
                if incoming is not None and kind == "file":
                    incoming.begin(request.body["name"], request.body["sha256"])
                elif incoming is not None:
                    incoming.piece(request.frames[0])
            else:
                raise ConnectionClosedError("the other end has closed the connection")
            if failed is not None or incoming is None:
                raise failed or RuntimeFailedError("nothing was copied")
            incoming.end()
        finally:
            if incoming is not None:
                incoming.drop()
        return {"type": "copied"}

    def _measure(self, body: dict[str, Any]) -> dict[str, Any]:
        """Measure every configuration of a run; its lines go back as they are written."""
        from edgeloop.measure.bench import Experiment
        from edgeloop.runtimes.choice.resolution import resolve
        from edgeloop.spec.run import RunSpec

        observer = _Events(self._send)
        for number, spec in enumerate(resolve(RunSpec(**body["spec"]), body["command"])):
            self._send({"type": "begin", "number": number, "title": spec.title,
                        "runtime": spec.runtime})  # fmt: skip
            for choice in spec.choices:
                observer.note(choice)
            failed: Optional[EdgeloopError] = None
            try:
                with self._stoppable():
                    lines = _Lines(number, self._send)
                    failed = Experiment(spec, observer, lines).run().error
            except EdgeloopError as error:
                failed = error
            except KeyboardInterrupt:
                failed = InterruptedRunError("interrupted")
            self._send({
                "type": "end",
                "number": number,
                "error": None if failed is None else error_body(failed),
            })  # fmt: skip
            if isinstance(failed, InterruptedRunError):
                break
        return {"type": "done"}

    def _compare(self, body: dict[str, Any]) -> dict[str, Any]:
        from edgeloop.measure.compare import compare_specs
        from edgeloop.spec.run import RunSpec

        sides = [RunSpec(**side) for side in body["specs"]]
        lines = [_Lines(number, self._send) for number in (0, 1)]
        with self._stoppable():
            compared = compare_specs(
                (sides[0], sides[1]),
                body["delta"],
                _Events(self._send),
                lambda side, _: lines[side],
            )
        document = asdict(replace(compared, error=None))
        failed = None if compared.error is None else error_body(compared.error)
        self._send({"type": "compared", "compared": document, "error": failed})
        return {"type": "done"}

    def _examine(self, body: dict[str, Any]) -> dict[str, Any]:
        from edgeloop.measure.doctor import examine

        return {"type": "examined", "document": examine(None, body["timeout_s"])}

    def _temperature(self, _: dict[str, Any]) -> dict[str, Any]:
        from edgeloop.host.thermal import cpu_temperature

        return {"type": "temperature", "temperature_c": cpu_temperature().temperature_c}


class _Events:
    """An observer whose words go back."""

    def __init__(self, send_body: Callable[[dict[str, Any]], None]) -> None:
        self._send = send_body
        self._sent_s = 0.0

    def phase(self, text: str) -> None:
        """Send what begins."""
        self._send({"type": "phase", "text": text})

    def busy(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Send what begins."""
        self.phase(text)
        return nullcontext(self.phase)

    def note(self, text: str) -> None:
        """Send a line that stays."""
        self._send({"type": "note", "text": text})

    def progress(self, progress: Progress) -> None:
        """Send how far it is, at most twice a second."""
        if time.monotonic() - self._sent_s >= _PROGRESS_S:
            self._sent_s = time.monotonic()
            self._send({"type": "progress", "progress": asdict(progress)})


class _Lines:
    """What a result's file would hold, sent line by line."""

    def __init__(self, number: int, send_body: Callable[[dict[str, Any]], None]) -> None:
        self.path = Path(os.devnull)
        self._number = number
        self._send = send_body

    def append(self, document: dict[str, Any]) -> None:
        """Send one line."""
        self._send({"type": "line", "number": self._number, "document": document})
