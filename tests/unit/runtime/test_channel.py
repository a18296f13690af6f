"""The channel against a supervisor of another thread: who gets which answer, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import dis
import errno
import functools
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CodeType, FrameType
from typing import Any

import pytest

from afbundle.exceptions import (
    ApiError,
    ChannelClosed,
    ConnectionNotFound,
    UnexpectedAnswer,
    VariableNotFound,
    XComNotFound,
)
from afbundle.runtime.channel import Channel
from afbundle.wire import messages
from afbundle.wire.frames import Frame, encode_response
from tests.unit.runtime.fake_supervisor import End, FakeSupervisor, key_of, variable


def ask(channel: Channel, key: str) -> str | None:
    answer = channel.request(messages.GetVariable(key=key))
    assert isinstance(answer, messages.VariableResult)
    return answer.value


async def aask(channel: Channel, key: str) -> str | None:
    answer = await channel.arequest(messages.GetVariable(key=key))
    assert isinstance(answer, messages.VariableResult)
    return answer.value


def in_threads(count: int, function: Callable[[int], Any]) -> list[Any]:
    """Run a function in so many threads at once; raise what any of them raised."""
    with ThreadPoolExecutor(count) as pool:
        start = threading.Barrier(count)

        def run(number: int) -> Any:
            start.wait(30)
            return function(number)

        return [each.result(60) for each in [pool.submit(run, number) for number in range(count)]]


# ---- one call at a time


def test_an_answer_is_a_message_and_ids_count_from_one() -> None:
    ids = []

    def script(end: End) -> None:
        for _ in range(3):
            request = end.request()
            ids.append(request.id)
            end.echo(request)

    with FakeSupervisor(script) as channel:
        assert [ask(channel, key) for key in "abc"] == ["a", "b", "c"]
    assert ids == [1, 2, 3]


def test_an_empty_answer_is_none() -> None:
    with FakeSupervisor(lambda end: end.reply(end.request().id)) as channel:
        assert channel.request(messages.DeleteVariable(key="x")) is None


ERROR = {"type": "ErrorResponse", "error": "VARIABLE_NOT_FOUND", "detail": {"key": "x"}}


@pytest.mark.parametrize("as_element", [True, False], ids=["third element", "body"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VARIABLE_NOT_FOUND", VariableNotFound),
        ("CONNECTION_NOT_FOUND", ConnectionNotFound),
        ("XCOM_NOT_FOUND", XComNotFound),
        ("API_SERVER_ERROR", ApiError),
        ("FROM_THE_FUTURE", ApiError),
    ],
)
def test_an_error_is_raised_with_its_detail(name: str, expected: type[ApiError], as_element: bool) -> None:
    error = {**ERROR, "error": name}

    def script(end: End) -> None:
        id = end.request().id
        if as_element:
            end.reply(id, None, error)
        else:
            end.reply(id, error)
        end.echo_all()

    with FakeSupervisor(script) as channel:
        with pytest.raises(expected) as caught:
            ask(channel, "x")
        assert type(caught.value) is expected
        assert (caught.value.error, caught.value.detail) == (name, {"key": "x"})
        assert ask(channel, "next") == "next"


def test_an_answer_of_no_known_message_costs_only_its_request() -> None:
    def script(end: End) -> None:
        end.reply(end.request().id, {"type": "FromTheFuture"})
        end.echo_all()

    with FakeSupervisor(script) as channel:
        with pytest.raises(UnexpectedAnswer, match="FromTheFuture"):
            ask(channel, "x")
        assert ask(channel, "next") == "next"


PARSE = {"type": "DagFileParseRequest", "file": "/f", "bundle_path": "/b", "bundle_name": "n"}


def test_the_first_frame_is_there_as_often_as_it_is_asked_for() -> None:
    def script(end: End) -> None:
        end.reply(0, PARSE)
        end.echo_all()

    with FakeSupervisor(script) as channel:
        first = channel.first()
        assert isinstance(first, messages.DagFileParseRequest)
        assert ask(channel, "x") == "x"
        assert channel.first() == first


def test_a_request_before_the_first_frame_was_taken_loses_neither() -> None:
    def script(end: End) -> None:
        end.reply(0, PARSE)
        end.echo_all()

    with FakeSupervisor(script) as channel:
        assert ask(channel, "x") == "x"
        assert isinstance(channel.first(), messages.DagFileParseRequest)


def test_a_first_frame_of_no_known_message_can_be_refused() -> None:
    refusals = []

    def script(end: End) -> None:
        end.reply(0, {"type": "FromTheFuture"})
        refusals.append(end.request())

    with FakeSupervisor(script) as channel:
        with pytest.raises(UnexpectedAnswer, match="FromTheFuture"):
            channel.first()
        channel.refuse("cannot do that")
    (refusal,) = refusals
    assert refusal.id == 0
    assert refusal.body == {
        "type": "ErrorResponse",
        "error": "GENERIC_ERROR",
        "detail": {"message": "cannot do that"},
    }


def test_a_first_frame_without_a_message_is_named() -> None:
    silent = FakeSupervisor(lambda end: end.reply(0))
    with silent as channel, pytest.raises(UnexpectedAnswer, match="first frame is empty"):
        channel.first()


def test_a_socket_with_a_timeout_is_waited_for_as_long_as_it_takes() -> None:
    near, far = socket.socketpair()
    near.settimeout(0)
    channel = Channel(near)
    with far, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, channel, "x")
        end = End(far)
        end.echo(end.request())
        assert answer.result(30) == "x"
    channel.close()


def test_frames_may_come_byte_by_byte_or_all_at_once() -> None:
    def script(end: End) -> None:
        request = end.request()
        for byte in encode_response(request.id, variable("slow")):
            end.sock.sendall(bytes((byte,)))
        request = end.request()
        # Answers to nobody around the real one.
        end.sock.sendall(
            encode_response(99, variable("stray"))
            + encode_response(request.id, variable("fast"))
            + encode_response(98, variable("stray"))
        )
        end.echo_all()

    with FakeSupervisor(script) as channel:
        assert ask(channel, "x") == "slow"
        assert ask(channel, "x") == "fast"
        assert ask(channel, "x") == "x"


@pytest.mark.parametrize("size", [60_000, 70_000, 131_000, 140_000, 5_000_000, 40_000_000])
def test_large_values_travel_whole_in_both_directions(size: int) -> None:
    value = "".join(random.Random(size).choices("abcdefgh", k=1000)) * (size // 1000)

    def script(end: End) -> None:
        request = end.request()
        assert request.body is not None
        end.reply(request.id, {"type": "XComResult", "key": "k", "value": request.body["value"]})
        end.echo_all()

    with FakeSupervisor(script) as channel:
        answer = channel.request(
            messages.SetXCom(key="k", value=[value, 1], dag_id="d", run_id="r", task_id="t")
        )
        assert isinstance(answer, messages.XComResult)
        assert answer.value == [value, 1]
        assert ask(channel, "next") == "next"


LARGE_XCOMS = """
from _socket import socket
from afbundle.runtime.channel import Channel
from afbundle.wire import messages

channel = Channel(socket(fileno=int(sys.argv[1])))
where = {"dag_id": "d", "run_id": "r", "task_id": "t", "key": "k"}
channel.request(messages.GetXCom(**where))
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
before = peak()
if sys.argv[2] == "in":
    value = channel.request(messages.GetXCom(**where)).value
elif sys.argv[3] == "text":
    value = "x" * 60_000_000
else:
    value = [f"{number:0120}" for number in range(60_000_000 // 180)]
if sys.argv[2] == "out":
    channel.request(messages.SetXCom(value=value, **where))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("shape", ["text", "list"])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_large_xcom_takes_less_than_two_and_a_half_times_its_size(direction: str, shape: str) -> None:
    value = "x" * 60_000_000 if shape == "text" else [f"{number:0120}" for number in range(60_000_000 // 180)]
    near, far = socket.socketpair()
    source = next(path for path in sys.path if path.endswith("src"))
    with near, far:
        code = f"import sys; sys.path.append({source!r})\n{LARGE_XCOMS}"
        task = subprocess.Popen(
            [sys.executable, "-ISc", code, str(near.fileno()), direction, shape],
            pass_fds=[near.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
        end = End(far)
        end.reply(end.request().id)
        second = end.request()
        if direction == "in":
            end.reply(second.id, {"type": "XComResult", "key": "k", "value": value})
        else:
            assert second.body is not None
            assert second.body["value"] == value
            end.reply(second.id)
        shown, _ = task.communicate(timeout=60)
    assert task.returncode == 0
    assert 60_000_000 * 0.9 < int(shown) < 60_000_000 * 2.5


# ---- many at a time


def shuffling(batch: int) -> Callable[[End], None]:
    """Return a script that collects some requests and answers them in another order."""

    def script(end: End) -> None:
        order = random.Random(7)
        held = []
        while (request := end.receive()) is not None:
            held.append(request)
            if len(held) == batch:
                order.shuffle(held)
                end.sock.sendall(b"".join(encode_response(each.id, variable(key_of(each))) for each in held))
                held.clear()

    return script


def test_64_threads_get_their_own_answers_in_any_order() -> None:
    with FakeSupervisor(shuffling(64)) as channel:

        def many(thread: int) -> list[str | None]:
            return [ask(channel, f"{thread}-{number}") for number in range(20)]

        for thread, answers in enumerate(in_threads(64, many)):
            assert answers == [f"{thread}-{number}" for number in range(20)]


def test_1000_coroutines_get_their_own_answers_in_any_order() -> None:
    async def main(channel: Channel) -> list[str | None]:
        return await asyncio.gather(*(aask(channel, str(number)) for number in range(1000)))

    with FakeSupervisor(shuffling(1000)) as channel:
        assert asyncio.run(main(channel)) == [str(number) for number in range(1000)]
        # A second loop, after the first one was closed.
        assert asyncio.run(main(channel)) == [str(number) for number in range(1000)]


def test_threads_and_several_loops_share_the_channel() -> None:
    with FakeSupervisor(End.echo_all) as channel:

        def work(number: int) -> None:
            keys = [f"{number}-{each}" for each in range(50)]
            if number % 2:
                assert [ask(channel, key) for key in keys] == keys
                return

            async def main() -> None:
                assert await asyncio.gather(*(aask(channel, key) for key in keys)) == keys
                for key in keys:
                    assert await aask(channel, key) == key

            asyncio.run(main())

        in_threads(12, work)


def test_a_coroutine_may_call_the_blocking_form_while_others_wait() -> None:
    def script(end: End) -> None:
        first, second = end.request(), end.request()
        end.echo(second)
        end.echo(first)
        end.echo_all()

    async def main(channel: Channel) -> None:
        waiting = asyncio.ensure_future(aask(channel, "async"))
        await asyncio.sleep(0)  # lets it send
        assert ask(channel, "sync") == "sync"
        assert await waiting == "async"

    with FakeSupervisor(script) as channel:
        asyncio.run(main(channel))


def test_a_thread_that_leaves_passes_the_reading_on() -> None:
    """The first asker reads; the others get their answers only after it has gone."""
    others_wait = threading.Semaphore(0)

    def script(end: End) -> None:
        requests = [end.request() for _ in range(3)]
        requests.sort(key=lambda request: key_of(request) != "reader")
        for request in requests:
            end.echo(request)
            if key_of(request) == "reader":
                # Only now do the others have nobody who reads for them.
                assert others_wait.acquire(timeout=30)

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(3) as pool:
        reader = pool.submit(ask, channel, "reader")
        thread = pool.submit(ask, channel, "thread")
        loop = pool.submit(lambda: asyncio.run(aask(channel, "loop")))
        assert reader.result(30) == "reader"
        others_wait.release()
        assert (thread.result(30), loop.result(30)) == ("thread", "loop")


def test_a_loop_that_stood_aside_for_a_thread_reads_on_when_that_leaves() -> None:
    channels: list[Channel] = []
    reader_left = threading.Event()

    def script(end: End) -> None:
        requests = {key_of(request): request for request in (end.request(), end.request())}
        # The loop notices that a thread reads only when something comes.
        while channels[0]._links[0].reading:
            end.reply(999, variable("stray"))
        end.echo(requests["thread"])
        assert reader_left.wait(30)
        end.echo(requests["loop"])

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(2) as pool:
        channels.append(channel)
        thread = pool.submit(ask, channel, "thread")
        while channel._reader is None:
            pass
        loop = pool.submit(lambda: asyncio.run(aask(channel, "loop")))
        assert thread.result(30) == "thread"
        reader_left.set()
        assert loop.result(30) == "loop"


# ---- nothing blocks forever


BIG = "x" * 4_000_000


def answers_before_reading(end: End) -> None:
    """As Airflow's supervisor: one thread, which reads nothing while it sends."""
    while (request := end.receive()) is not None:
        end.reply(request.id, variable(BIG if key_of(request).startswith("big") else key_of(request)))


def put_big(key: str) -> messages.PutVariable:
    return messages.PutVariable(key=key, value=BIG, description=None)


def test_large_frames_in_both_directions_at_once_from_threads() -> None:
    with FakeSupervisor(answers_before_reading) as channel:

        def work(number: int) -> None:
            for _ in range(3):
                answer = channel.request(put_big(f"big{number}"))
                assert isinstance(answer, messages.VariableResult)
                assert answer.value == BIG

        in_threads(6, work)


def test_large_frames_in_both_directions_at_once_from_a_loop() -> None:
    async def main(channel: Channel) -> None:
        answers = await asyncio.gather(*(channel.arequest(put_big(f"big{number}")) for number in range(6)))
        assert all(isinstance(each, messages.VariableResult) and each.value == BIG for each in answers)

    with FakeSupervisor(answers_before_reading) as channel:
        asyncio.run(main(channel))


def test_a_blocking_large_request_while_a_coroutine_waits_for_a_large_answer() -> None:
    async def main(channel: Channel) -> None:
        waiting = asyncio.ensure_future(aask(channel, "big"))
        await asyncio.sleep(0)
        assert isinstance(channel.request(put_big("big too")), messages.VariableResult)
        assert await waiting == BIG

    with FakeSupervisor(answers_before_reading) as channel:
        asyncio.run(main(channel))


def test_a_sender_that_waits_takes_over_when_the_reader_leaves() -> None:
    """The reader leaves while another thread cannot send; then the supervisor sends before it reads on."""
    sending = threading.Event()

    def script(end: End) -> None:
        reader = end.request()
        assert sending.wait(30)
        end.sock.recv(1, socket.MSG_PEEK)  # the large request has begun, so its sender has filled the socket
        end.echo(reader)
        # A late answer to nobody, larger than any socket's buffer: somebody must read it before we read on.
        end.reply(999, variable(BIG))
        end.echo_all()

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(2) as pool:
        reader = pool.submit(ask, channel, "reader")
        # The reader's frame must be out before the large one; its thread then is the reader.
        while channel._reader is None:
            pass
        sending.set()
        sender = pool.submit(channel.request, put_big("sender"))
        assert reader.result(60) == "reader"
        assert isinstance(sender.result(60), messages.VariableResult)


# ---- the end


@pytest.mark.parametrize(
    "partial", [b"", b"\x00\x00", encode_response(1, variable("cut"))[:-2], b"\x00\xff\xff\xffx"]
)
def test_a_supervisor_that_dies_wakes_every_waiter(partial: bytes) -> None:
    def script(end: End) -> None:
        for _ in range(20):
            end.request()
        end.sock.sendall(partial)

    def work(channel: Channel, number: int) -> None:
        if number % 2:
            with pytest.raises(ChannelClosed, match="closed the connection"):
                ask(channel, "x")
            return

        async def main() -> None:
            tasks = [asyncio.ensure_future(aask(channel, "x")) for _ in range(3)]
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(outcome, ChannelClosed)

        asyncio.run(main())

    with FakeSupervisor(script) as channel:
        in_threads(10, lambda number: work(channel, number))
        assert channel.closed
        for _ in range(2):
            with pytest.raises(
                ChannelClosed, match="after .* of a frame" if partial else "closed the connection$"
            ):
                ask(channel, "late")
        with pytest.raises(ChannelClosed):
            asyncio.run(aask(channel, "late"))
        with pytest.raises(ChannelClosed):
            channel.first()


def test_answers_that_came_before_the_end_still_count() -> None:
    with FakeSupervisor(lambda end: end.echo(end.request())) as channel:
        assert ask(channel, "x") == "x"
        with pytest.raises(ChannelClosed):
            ask(channel, "y")


def test_garbage_closes_the_channel_and_says_why() -> None:
    def script(end: End) -> None:
        end.request()
        end.sock.sendall(b"\x00\x00\x00\x01\xc1")
        assert end.receive() is None

    with FakeSupervisor(script) as channel:
        with pytest.raises(ChannelClosed, match="not of the protocol"):
            ask(channel, "x")
        assert channel.closed


def test_a_reset_closes_the_channel_and_says_why() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(server.getsockname())
    far, _ = server.accept()
    server.close()
    channel = Channel(near)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    far.close()
    with pytest.raises(ChannelClosed) as caught:
        ask(channel, "x")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno in (errno.ECONNRESET, errno.EPIPE)
    channel.close()


@pytest.mark.parametrize("kinds", [["thread"], ["loop"], ["thread", "thread", "loop", "loop"]], ids=len)
def test_closing_wakes_everyone_who_waits(kinds: list[str]) -> None:
    asked = threading.Semaphore(0)

    def script(end: End) -> None:
        for _ in kinds:
            end.request()
            asked.release()
        assert end.receive() is None

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(4) as pool:
        forms: dict[str, Callable[[], Any]] = {
            "thread": lambda: ask(channel, "x"),
            "loop": lambda: asyncio.run(aask(channel, "x")),
        }
        waiting = [pool.submit(forms[kind]) for kind in kinds]
        for _ in waiting:
            assert asked.acquire(timeout=30)
        channel.close()
        for each in waiting:
            with pytest.raises(ChannelClosed, match="this process closed it"):
                each.result(30)
        channel.close()
        # Whoever left last has closed the socket.
        assert channel._sock.fileno() == -1


def test_a_forked_child_cannot_disturb_the_channel(tmp_path: Any) -> None:
    import os

    with FakeSupervisor(End.echo_all) as channel:
        assert ask(channel, "before") == "before"
        child = os.fork()
        if child == 0:
            try:
                ask(channel, "child")
            except ChannelClosed as error:
                (tmp_path / "said").write_text(str(error))
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert "forked child" in (tmp_path / "said").read_text()
        assert ask(channel, "after") == "after"


# ---- interruptions


def test_a_cancelled_coroutine_loses_only_its_own_answer() -> None:
    cancelled = threading.Event()

    def script(end: End) -> None:
        first, second = end.request(), end.request()
        assert cancelled.wait(30)
        end.echo(first)
        end.echo(second)
        end.echo_all()

    async def main(channel: Channel) -> None:
        first = asyncio.ensure_future(aask(channel, "first"))
        second = asyncio.ensure_future(aask(channel, "second"))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        cancelled.set()
        assert await second == "second"
        assert await aask(channel, "third") == "third"

    with FakeSupervisor(script) as channel:
        asyncio.run(main(channel))
        assert ask(channel, "fourth") == "fourth"


def test_a_coroutine_cancelled_in_the_middle_of_a_large_frame_leaves_the_stream_whole() -> None:
    may_read = threading.Event()

    def script(end: End) -> None:
        assert may_read.wait(30)
        answers_before_reading(end)

    async def main(channel: Channel) -> None:
        large = asyncio.ensure_future(channel.arequest(put_big("big")))
        await asyncio.sleep(0)
        large.cancel()
        with pytest.raises(asyncio.CancelledError):
            await large
        may_read.set()
        assert await aask(channel, "next") == "next"

    with FakeSupervisor(script) as channel:
        asyncio.run(main(channel))
        assert ask(channel, "after the loop's end") == "after the loop's end"


class Interrupted(KeyboardInterrupt):
    """What the signal handlers of these tests raise; a `KeyboardInterrupt`, because asyncio swallows most others."""


class Alarm:
    """Interrupts the main thread from another one, each time once.

    A signal that arrives just before a system call blocks is handled only after that, so it is sent until it was heard.
    """

    def __init__(self) -> None:
        self.action: Callable[[], object] | None = None
        self._heard = threading.Event()
        self._main = threading.get_ident()

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self._heard.is_set():
            self._heard.set()
            if self.action is not None:
                self.action()
            raise Interrupted

    def ring(self) -> None:
        self._heard.clear()
        while not self._heard.is_set():
            signal.pthread_kill(self._main, signal.SIGUSR1)
            self._heard.wait(0.05)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measures no coverage meanwhile: an interruption inside its tracer would leave that one's own lock locked."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


@pytest.fixture
def alarm(untraced: None) -> Iterator[Alarm]:
    alarm = Alarm()
    alarm._heard.set()
    before = signal.signal(signal.SIGUSR1, alarm.handle)
    yield alarm
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_that_raises_while_receiving_leaves_the_channel_usable(alarm: Alarm) -> None:
    def script(end: End) -> None:
        for number in range(50):
            request = end.request()
            whole = encode_response(request.id, variable("late"))
            # Some of the answer, the signal, and then the rest.
            cut = number % len(whole)
            end.sock.sendall(whole[:cut])
            alarm.ring()
            request = end.request()
            end.sock.sendall(whole[cut:])
            end.echo(request)

    with FakeSupervisor(script) as channel:
        for number in range(50):
            with pytest.raises(Interrupted):
                ask(channel, "interrupted")
            assert ask(channel, str(number)) == str(number)


def test_a_signal_that_raises_while_sending_leaves_the_channel_usable(alarm: Alarm) -> None:
    def script(end: End) -> None:
        for _ in range(20):
            end.sock.recv(1, socket.MSG_PEEK)  # it has begun to send, and cannot send all
            alarm.ring()
            large = end.request()
            assert large.body == {"type": "PutVariable", "key": "large", "value": BIG, "description": None}
            end.echo(large)
            end.echo(end.request())

    with FakeSupervisor(script) as channel:
        for number in range(20):
            with pytest.raises(Interrupted):
                channel.request(put_big("large"))
            assert ask(channel, str(number)) == str(number)


def test_a_signal_that_raises_in_the_reader_does_not_strand_the_others(alarm: Alarm) -> None:
    reading = threading.Event()

    def script(end: End) -> None:
        end.request()
        reading.set()
        others = [end.request() for _ in range(4)]
        alarm.ring()
        for request in others:
            end.echo(request)
        end.echo_all()

    def other(channel: Channel, key: str) -> str | None:
        assert reading.wait(30)
        return ask(channel, key)

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(4) as pool:
        others = [pool.submit(other, channel, key) for key in "abcd"]
        with pytest.raises(Interrupted):
            ask(channel, "main")
        assert [each.result(30) for each in others] == list("abcd")
        assert ask(channel, "after") == "after"


@pytest.mark.parametrize("where", ["take", "_hand_on", "rouse"])
def test_what_an_interrupted_reader_had_received_is_read_by_the_next_one(where: str) -> None:
    """Main is interrupted after it received another thread's answer, and nothing more comes that could wake that one."""

    def script(end: End) -> None:
        main, other = end.request(), end.request()
        end.sock.sendall(
            encode_response(other.id, variable("other")) + encode_response(main.id, variable("main"))
        )
        end.echo_all()

    def interrupt(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code.co_name == where:
            sys.settrace(None)
            raise Interrupted

    with FakeSupervisor(script) as channel, ThreadPoolExecutor(1) as pool:

        def ask_second() -> str | None:
            while channel._reader is None:
                pass
            return ask(channel, "other")

        other = pool.submit(ask_second)
        before = sys.gettrace()
        sys.settrace(interrupt)
        try:
            with pytest.raises(Interrupted):
                ask(channel, "main")
        finally:
            sys.settrace(before)
        assert other.result(30) == "other"


def test_a_request_from_a_signal_handler_gets_its_answer(alarm: Alarm) -> None:
    """As when a task that does not end is reported as failed from the handler of the last signal."""

    def script(end: End) -> None:
        end.request()
        alarm.ring()
        end.echo_all()

    with FakeSupervisor(script) as channel:
        answers = []
        alarm.action = lambda: answers.append(ask(channel, "last words"))
        with pytest.raises(Interrupted):
            ask(channel, "never answered")
        assert answers == ["last words"]


OWN_FILES = ("/runtime/channel.py", "/runtime/inbox.py", "/runtime/waiting.py")


class InterruptAt:
    """Raises `Interrupted` in this thread at the n-th place in the channel's own code where a signal handler could.

    Python runs signal handlers when it enters a function, after a call, and when it jumps back. Lines would not do: before
    a ``with`` block's end there is one where no handler can run, and where raising would leave the lock locked.
    """

    def __init__(self, place: int) -> None:
        self.remaining = place
        self._before = sys.gettrace()
        self._last_opcode: dict[FrameType, str] = {}

    def _trace(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if not frame.f_code.co_filename.endswith(OWN_FILES):
            return None
        # In this order: Python 3.13 counts opcodes only of frames that are traced already.
        frame.f_trace = self._trace
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            self._count()
        elif event == "opcode":
            last = self._last_opcode.get(frame, "")
            self._last_opcode[frame] = dis.opname[_code_bytes(frame.f_code)[frame.f_lasti]]
            if last.startswith(("CALL", "JUMP_BACKWARD", "JUMP_ABSOLUTE")):
                self._count()
        return self._trace

    def _count(self) -> None:
        self.remaining -= 1
        if self.remaining == 0:
            raise Interrupted

    def __enter__(self) -> InterruptAt:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


@functools.cache
def _code_bytes(code: CodeType) -> bytes:
    return code.co_code


@pytest.mark.parametrize("size", [1, 300_000], ids=["small", "large"])
def test_an_interruption_anywhere_leaves_the_channel_usable(size: int) -> None:
    def script(end: End) -> None:
        while (request := end.receive()) is not None:
            assert request.body is not None
            end.reply(request.id, variable(request.body["value"]))

    def request(channel: Channel, letter: str) -> str | None:
        answer = channel.request(messages.PutVariable(key="k", value=letter * size, description=None))
        assert isinstance(answer, messages.VariableResult)
        return answer.value

    with FakeSupervisor(script) as channel:
        for place in range(1, 2000):
            with InterruptAt(place) as interruption:
                try:
                    assert request(channel, "a") == "a" * size
                except Interrupted:
                    pass
            assert request(channel, "b") == "b" * size, f"after an interruption at place {place}"
            if interruption.remaining > 0:
                break
        assert 50 < place < 1999
        assert not channel._pending
        assert channel._reader is None


class TwoAsk:
    """A script for two askers, ``main`` and ``other``: main is answered once both have asked, other by the test."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.requests: dict[str, Frame] = {}
        self.arrived = {"main": threading.Event(), "other": threading.Event()}

    def __call__(self, end: End) -> None:
        self.ends.append(end)
        while (request := end.receive()) is not None:
            self.requests[key_of(request)] = request
            self.arrived[key_of(request)].set()
            if len(self.requests) == 2:
                try:
                    end.echo(self.requests["main"])
                except BrokenPipeError:
                    return  # Main was interrupted, and the test is over already.

    def answer_other(self) -> None:
        assert self.arrived["other"].wait(30)
        self.ends[0].echo(self.requests["other"])


@pytest.mark.parametrize("other_is", ["thread", "loop"])
@pytest.mark.parametrize("main_is", ["thread", "loop"])
@pytest.mark.parametrize("first", ["main", "other"])
def test_an_interruption_anywhere_strands_nobody_else(first: str, main_is: str, other_is: str) -> None:
    """Another thread or loop waits while this one is interrupted; its answer comes after that."""
    forms: dict[str, Callable[[Channel, str], str | None]] = {
        "thread": ask,
        "loop": lambda channel, key: asyncio.run(aask(channel, key)),
    }

    def ask_other(channel: Channel, may_ask: threading.Event) -> str | None:
        assert may_ask.wait(30)
        return forms[other_is](channel, "other")

    uninterrupted = 0
    with ThreadPoolExecutor(1) as pool:
        for place in range(1, 2000):
            script = TwoAsk()
            at_once = threading.Event()
            with FakeSupervisor(script) as channel:
                other = pool.submit(
                    ask_other, channel, script.arrived["main"] if first == "main" else at_once
                )
                if first == "other":
                    at_once.set()
                    assert script.arrived["other"].wait(30)
                with InterruptAt(place) as interruption:
                    try:
                        assert forms[main_is](channel, "main") == "main"
                    except Interrupted:
                        pass
                # When main did not get so far as to ask, other waits for nothing any more.
                script.arrived["main"].set()
                script.answer_other()
                assert other.result(10) == "other", f"after an interruption at place {place}"
            # Who reads when is a race, so the number of places varies.
            uninterrupted += interruption.remaining > 0
            if uninterrupted == 20:
                break
        assert 50 < place < 1999


@pytest.mark.usefixtures("untraced")
def test_interruptions_at_random_moments_never_mix_up_answers() -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    random_delay = random.Random(5)
    interrupted = 0
    try:
        with FakeSupervisor(End.echo_all) as channel:
            for number in range(1500):
                key = str(number) * random_delay.choice((1, 1, 30_000))
                try:
                    signal.setitimer(signal.ITIMER_REAL, random_delay.uniform(1e-6, 6e-4))
                    answer = ask(channel, key)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Interrupted:
                    interrupted += 1
                else:
                    assert answer == key
            assert ask(channel, "last") == "last"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 100
