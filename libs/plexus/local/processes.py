"""One child process: start it, wait for it, end it.

Why not asyncio's own subprocesses: those belong to one event loop, and die with it; a server that
serves a whole test session outlives many loops. Nor does uvloop know how to change the user. Here
a child is a plain `subprocess.Popen`, and waiting is done on a pidfd by whatever loop asks.

A child works in batches (sched(7), SCHED_BATCH): the dozen that share a machine here hand work on to
each other all the time, and each that woke would interrupt the one that works. They wait for its
slice instead, a few milliseconds, and the machine gets about 8 % more done. Whoever stands between a
sender and its answer waits for nobody: such a child is started with `interrupts`.

A child does not outlive us: on Linux the kernel signals it when the *thread* that started it ends
(prctl(2), PR_SET_PDEATHSIG), so start children from a thread that lives as long as they should,
normally the main one. Elsewhere nothing does this, and a crash of ours leaves children running.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from plexus.errors import ConfigurationError, DeadlineExceeded
from plexus.local.accounts import Account

__all__ = ["Finished", "Process", "drain", "run", "spawn"]

_PR_SET_PDEATHSIG = 1
_SCHED_OTHER = 0
_SCHED_BATCH = 3
_ON_LINUX = sys.platform == "linux"
# Loaded here, for between fork and exec there must be as little to do as possible.
_LIBC = ctypes.CDLL(None, use_errno=True) if _ON_LINUX else None

_CHUNK_BYTES = 65_536
_KEPT_OUTPUT_BYTES = 65_536
_POLL_SECONDS = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """How a tool ended.

    Attributes:
        exit_code: negative for the signal that ended it.
        output: the last 64 KiB of its stdout and stderr, in the order written.
    """

    exit_code: int
    output: str


class Process:
    """A running or ended child. Any number of tasks, on any loop, may wait for it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    def send(self, sent: signal.Signals) -> None:
        """Send a signal to the process; nothing happens where it has ended."""
        self._popen.send_signal(sent)

    def kill(self) -> None:
        """SIGKILL the process and what it started in its session."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """The exit code, once it has ended."""
        while (code := self._popen.poll()) is None:
            if _ON_LINUX:
                await self._until_ended()
            else:
                await asyncio.sleep(_POLL_SECONDS)
        return code

    async def wait_within(self, seconds: float) -> int | None:
        """The exit code, or None where it still runs after that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.wait()
        return None

    async def end(self, sent: signal.Signals, grace_seconds: float) -> int:
        """Ask it to end; SIGKILL it where it has not done so in time."""
        self.send(sent)
        code = await self.wait_within(grace_seconds)
        if code is None:
            self.kill()
            code = await self.wait()
        return code

    async def _until_ended(self) -> None:
        # The pid cannot have been given to another: it is ours until poll() has reaped it. Each
        # waiter has a descriptor of its own, for a loop knows one reader per descriptor.
        descriptor = os.pidfd_open(self.pid)
        try:
            await _readable(descriptor)
        finally:
            os.close(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def spawn(
    argv: Sequence[str | pathlib.Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: pathlib.Path | None = None,
    output: int = subprocess.DEVNULL,
    standard_input: int = subprocess.DEVNULL,
    account: Account | None = None,
    on_parent_death: signal.Signals = signal.SIGKILL,
    interrupts: bool = False,
) -> Process:
    """Start a child in a session of its own, so that Ctrl-C reaches only us.

    Args:
        argv: program and arguments.
        environment: its whole environment; None hands on ours.
        folder: its working folder; None is ours.
        output: descriptor for stdout and stderr.
        standard_input: descriptor for stdin.
        account: who it runs as; None is us. Only root may name one.
        on_parent_death: what the kernel sends it when we are gone (Linux).
        interrupts: it may interrupt who works when it wakes, instead of waiting for a slice's end.

    Raises:
        ConfigurationError: the program cannot be started.
    """
    try:
        popen = subprocess.Popen(  # noqa: S603 - argv is our own, and no shell reads it
            [os.fspath(part) for part in argv],
            stdin=standard_input,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
            start_new_session=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            preexec_fn=_in_child(on_parent_death, interrupts=interrupts),  # noqa: PLW1509 - see `_in_child`
        )
    except (OSError, subprocess.SubprocessError) as exc:
        who = "" if account is None else f" as {account.name}"
        raise ConfigurationError(f"cannot start {argv[0]}{who}: {exc}") from exc
    return Process(popen)


def _in_child(on_parent_death: signal.Signals, *, interrupts: bool) -> Callable[[], None] | None:
    """What a child runs between fork and exec, see the module.

    It runs after the change of user, which would clear the setting (prctl(2)); a launcher program
    instead would have to be readable for that user, and our interpreter need not be. It calls into
    libc and nothing else, so a lock that another thread held at the fork cannot stop it.
    """
    if _LIBC is None:
        return None
    prctl, sched_setscheduler, parent = _LIBC.prctl, _LIBC.sched_setscheduler, os.getpid()
    policy = _SCHED_OTHER if interrupts else _SCHED_BATCH
    priority = ctypes.byref(ctypes.c_int(0))

    def in_child() -> None:
        sched_setscheduler(0, policy, priority)  # it may be refused: then things are slower
        prctl(_PR_SET_PDEATHSIG, int(on_parent_death))
        if os.getppid() != parent:  # it ended before the kernel knew of our wish
            os._exit(1)

    return in_child


async def drain(descriptor: int, sink: Callable[[bytes], None]) -> None:
    """Hand what a pipe brings to `sink` until it ends, then close it."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            try:
                chunk = os.read(descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                await _readable(descriptor)
                continue
            if not chunk:
                return
            sink(chunk)
            await asyncio.sleep(0)  # a child that never stops talking does not hold the loop
    finally:
        os.close(descriptor)


async def run(
    argv: Sequence[str | pathlib.Path],
    *,
    deadline_seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: pathlib.Path | None = None,
    account: Account | None = None,
    text: str = "",
) -> Finished:
    """Run a tool to its end.

    Args:
        argv: program and arguments.
        deadline_seconds: it is killed after that long.
        environment: its whole environment; None hands on ours.
        folder: its working folder; None is ours.
        account: who it runs as; None is us.
        text: its stdin, at most 4 KiB.

    Raises:
        ConfigurationError: the program cannot be started.
        DeadlineExceeded: it had not ended in time.
    """
    read_end, write_end = os.pipe()
    text_end, feed_end = os.pipe()
    try:
        os.set_blocking(feed_end, False)
        os.write(feed_end, text.encode())
        os.close(feed_end)
        child = spawn(
            argv,
            environment=environment,
            folder=folder,
            output=write_end,
            standard_input=text_end,
            account=account,
        )
    except ConfigurationError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
        os.close(text_end)

    output = bytearray()

    def keep(chunk: bytes) -> None:
        output.extend(chunk)
        del output[:-_KEPT_OUTPUT_BYTES]

    try:
        async with asyncio.timeout(deadline_seconds):
            await drain(read_end, keep)
            code = await child.wait()
    except TimeoutError as exc:
        raise DeadlineExceeded(
            f"{pathlib.Path(argv[0]).name} did not end within {deadline_seconds} s"
        ) from exc
    finally:
        child.kill()
        # Not the caller's wait: a killed child ends at once, and must not be left unreaped.
        await asyncio.shield(child.wait())
    return Finished(code, output.decode(errors="replace"))
