"""The durable state: read whole or not at all, replaced whole or not at all."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import resource
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw import durable
from hafw.agent import clock, statefile
from hafw.agent.statefile import (
    FILE_NAME,
    LIMIT,
    MAX_BYTES,
    decode,
    encode,
    initialise,
    load,
    save,
    this_boot,
)
from hafw.core.duties import FOREVER
from hafw.core.effects import Durable, Persist
from hafw.core.maintenance import LONGEST_MS, Kept, Word
from hafw.core.model import Persisted, PersistFailed
from hafw.core.reboot import after_boot
from tests.agent.users import as_nobody
from tests.net.hosts import isolated

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSED: Final = Kept(Word(4, on=True, for_ms=60_000), 90_000_000_000, 50_000_000_000, ((3, 12),))
STATE: Final = Durable(7, ((3, 12), (4, 9)), ((3, 14, "reflected"),), maintenance=PAUSED)
OLD: Final = Durable(6, ((3, 12), (4, 9)), ())
NOTHING: Final = Durable(0, (), ())

numbers = st.integers(0, LIMIT - 1)
groups = st.integers(1, 255)
states = st.builds(
    Durable,
    numbers,
    st.lists(st.tuples(groups, numbers), max_size=20).map(tuple),
    st.lists(st.tuples(groups, numbers, st.text(max_size=20)), max_size=20).map(tuple),
    st.booleans(),
    st.lists(numbers, max_size=3).map(tuple),
    st.none()
    | st.builds(
        Kept,
        st.builds(Word, numbers, st.booleans(), st.integers(0, LONGEST_MS)),
        numbers,
        numbers,
        st.lists(st.tuples(groups, numbers), max_size=20).map(tuple),
    ),
)


def holding(directory: Path, content: bytes) -> Path:
    (directory / FILE_NAME).write_bytes(content)
    return directory


def sealed(body: object) -> bytes:
    """Any content with a right checksum, as only this program or a newer one writes it."""
    text = json.dumps(body)
    return f"{durable._checksum(text)} {text}\n".encode()


# --- reading ----------------------------------------------------------------------------------


@given(states)
def test_a_state_reads_back_as_written(state: Durable) -> None:
    assert decode(encode(state)) == (state, this_boot())


def test_what_was_saved_is_loaded_and_trusted(tmp_path: Path) -> None:
    save(tmp_path, STATE)

    loaded = load(tmp_path)

    assert loaded.state == STATE
    assert not loaded.distrust


def test_whom_this_machine_met_counts_until_it_boots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statefile, "BOOT_ID", tmp_path / "boot_id")
    statefile.BOOT_ID.write_text("before\n")
    save(tmp_path, replace(STATE, met=True))
    same_boot = load(tmp_path).state
    statefile.BOOT_ID.write_text("after\n")

    assert same_boot.met
    assert not load(tmp_path).state.met


def test_where_the_kernel_names_no_boot_every_start_may_be_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statefile, "BOOT_ID", tmp_path / "there is none")
    save(tmp_path, replace(STATE, met=True))

    assert not load(tmp_path).state.met


def test_what_restrains_this_node_counts_again_after_a_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statefile, "BOOT_ID", tmp_path / "boot_id")
    monkeypatch.setattr(clock, "boot_ns", lambda: 1_000)
    statefile.BOOT_ID.write_text("before\n")
    save(tmp_path, replace(STATE, shots=(7, 8)))
    same_boot = load(tmp_path).state
    statefile.BOOT_ID.write_text("after\n")

    another = load(tmp_path).state

    assert same_boot == replace(STATE, shots=(7, 8))
    assert another.shots == (1_000, 1_000)
    assert another.maintenance == PAUSED._replace(until_ns=1_000 + PAUSED.left_ns)


def test_maintenance_without_an_end_has_none_after_a_boot() -> None:
    for_ever = PAUSED._replace(until_ns=FOREVER, left_ns=FOREVER)

    assert after_boot(replace(STATE, maintenance=for_ever), 1_000).maintenance == for_ever


def test_a_state_of_before_maintenance_is_read() -> None:
    body = {"format": 1, "incarnation": 7, "epochs": [[3, 12]], "intents": []}

    assert decode(sealed(body))[0] == Durable(7, ((3, 12),), ())


def test_a_missing_state_is_distrusted(tmp_path: Path) -> None:
    loaded = load(tmp_path)

    assert loaded.state == NOTHING
    assert loaded.distrust == f"{tmp_path}/state.json is missing"


def test_a_state_torn_at_any_byte_is_distrusted(tmp_path: Path) -> None:
    whole = encode(STATE)

    for length in range(len(whole) - 1):  # the final newline says nothing
        loaded = load(holding(tmp_path, whole[:length]))

        assert loaded.state == NOTHING
        assert "is damaged: " in loaded.distrust


def test_a_state_with_any_one_bit_turned_is_distrusted(tmp_path: Path) -> None:
    whole = encode(STATE)

    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        loaded = load(holding(tmp_path, bytes(damaged)))

        assert loaded.state == NOTHING
        assert "is damaged: " in loaded.distrust


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_state(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not text|checksum"):
        decode(content)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"x" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} bytes"),
        (sealed({"format": 2}), "format 2, this version reads 1"),
        (sealed({}), "format None, this version reads 1"),
        (sealed([1, 2]), "format None, this version reads 1"),
        (sealed({"format": 1}), "a field is missing or of another kind: 'incarnation'"),
        (
            sealed({"format": 1, "incarnation": None, "epochs": [], "intents": []}),
            "a field is missing or of another kind",
        ),
        (
            sealed({"format": 1, "incarnation": 1, "epochs": [], "intents": [], "maintenance": 1}),
            "a field is missing or of another kind",
        ),
        (
            sealed({"format": 1, "incarnation": 1, "epochs": [3], "intents": []}),
            "a field is missing or of another kind",
        ),
        (sealed({"format": 1, "incarnation": LIMIT, "epochs": [], "intents": []}), "out of range"),
        (
            sealed({"format": 1, "incarnation": 1, "epochs": [[3, -1]], "intents": []}),
            "out of range",
        ),
    ],
)
def test_what_another_version_or_a_person_wrote_is_distrusted(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    loaded = load(holding(tmp_path, content))

    assert loaded.state == NOTHING
    assert complaint in loaded.distrust


def test_a_state_that_may_not_be_read_is_distrusted(tmp_path: Path) -> None:
    save(tmp_path, STATE)
    (tmp_path / FILE_NAME).chmod(0)

    assert "cannot be read: Permission denied" in as_nobody(lambda: load(tmp_path).distrust)


def test_something_else_of_that_name_is_distrusted(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()

    assert load(tmp_path).distrust.endswith("cannot be read: Is a directory")


# --- writing ----------------------------------------------------------------------------------


def test_nobody_else_may_read_the_state(tmp_path: Path) -> None:
    save(tmp_path, STATE)

    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_what_an_interrupted_write_left_is_of_no_account(tmp_path: Path) -> None:
    save(tmp_path, OLD)
    (tmp_path / "state.new").write_bytes(encode(STATE)[:20])

    before = load(tmp_path).state
    save(tmp_path, STATE)

    assert before == OLD
    assert load(tmp_path).state == STATE


def test_the_content_is_on_disk_before_the_name_and_the_name_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noting_fsync(descriptor: int) -> None:
        fsync(descriptor)
        done.append("fsync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)

    def noting_rename(source: Path, target: Path) -> Path:
        done.append(f"rename {source.name} {target.name}")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "rename", noting_rename)

    save(tmp_path, STATE)

    assert done == ["fsync state.new", "rename state.new state.json", f"fsync {tmp_path.name}"]


def test_after_a_failed_fsync_the_old_state_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, OLD)

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        save(tmp_path, STATE)

    assert load(tmp_path).state == OLD


@contextmanager
def ten_bytes_a_file() -> Iterator[None]:
    """No file may grow beyond 10 bytes: the write is cut short, and then refused.

    Only as long as it must be: the test runner's own output is a file too.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_after_a_write_that_was_cut_short_the_old_state_stands(tmp_path: Path) -> None:
    save(tmp_path, OLD)

    with pytest.raises(OSError, match="File too large"), ten_bytes_a_file():
        save(tmp_path, STATE)

    assert load(tmp_path).state == OLD


@isolated
def test_on_a_full_disk_the_old_state_stands_and_room_is_enough_to_go_on(tmp_path: Path) -> None:
    mount_tmpfs(tmp_path, pages=3)
    save(tmp_path, OLD)
    ballast = tmp_path / "ballast"
    fill(ballast)

    with pytest.raises(OSError, match="No space left on device"):
        save(tmp_path, STATE)
    full = load(tmp_path)
    ballast.unlink()
    save(tmp_path, STATE)

    assert full.state == OLD
    assert load(tmp_path).state == STATE


def mount_tmpfs(where: Path, pages: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    newns = 0x0002_0000  # CLONE_NEWNS, linux/sched.h
    size = f"size={pages * resource.getpagesize()}".encode()
    assert libc.unshare(newns) == 0, os.strerror(ctypes.get_errno())
    mounted = libc.mount(b"none", str(where).encode(), b"tmpfs", 0, size)
    assert mounted == 0, os.strerror(ctypes.get_errno())


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1_024)):
            pass


# --- the first state --------------------------------------------------------------------------


def test_a_new_node_begins_with_a_trusted_state_of_nothing(tmp_path: Path) -> None:
    initialise(tmp_path / "new")

    loaded = load(tmp_path / "new")

    assert loaded.state == NOTHING
    assert not loaded.distrust


def test_a_node_that_ran_before_is_not_made_new(tmp_path: Path) -> None:
    save(tmp_path, STATE)

    with pytest.raises(FileExistsError, match="this node ran before"):
        initialise(tmp_path)

    assert load(tmp_path).state == STATE


def test_one_write_at_a_time_and_the_newest_overtakes_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    told: list[Persisted | PersistFailed] = []
    released = threading.Event()

    def save(_directory: Path, state: Durable) -> None:
        saved.append(state.incarnation)
        released.wait(20)

    async def scene() -> None:
        ended = asyncio.Event()
        monkeypatch.setattr(statefile, "save", save)

        def tell(event: Persisted | PersistFailed) -> None:
            told.append(event)
            if event.token == 3:
                ended.set()

        writer = statefile.Writer(tmp_path, asyncio.get_running_loop(), tell)
        for token in (1, 2, 3):
            writer.write(Persist(token, Durable(token, (), ())))
        released.set()
        await asyncio.wait_for(ended.wait(), 20)

    asyncio.run(scene())

    assert saved == [1, 3]
    assert told == [Persisted(1), Persisted(3)]


def test_a_raised_incarnation_is_not_overwritten_by_what_was_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that began before ends first, and one that waits is not begun."""
    begun, released = threading.Event(), threading.Event()
    original = statefile.save
    original(tmp_path, STATE)

    def slow(directory: Path, state: Durable) -> None:
        if state.incarnation == STATE.incarnation:
            begun.set()
            assert released.wait(20)
        original(directory, state)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        writer = statefile.Writer(tmp_path, loop, lambda _: None)
        monkeypatch.setattr(statefile, "save", slow)
        writer.write(Persist(1, STATE))
        writer.write(Persist(2, OLD))
        assert begun.wait(20)
        raising = loop.run_in_executor(None, writer.raise_incarnation, 40)
        released.set()
        await asyncio.wait_for(raising, 20)

    asyncio.run(scene())

    assert load(tmp_path).state == replace(STATE, incarnation=40)


def test_an_incarnation_is_raised_and_never_lowered(tmp_path: Path) -> None:
    save(tmp_path, replace(STATE, incarnation=50))

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        statefile.Writer(tmp_path, loop, lambda _: None).raise_incarnation(40)

    asyncio.run(scene())

    assert load(tmp_path).state.incarnation == 50
