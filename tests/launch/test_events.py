import json
import multiprocessing
from pathlib import Path

import pytest

from whyrelu.launch.events import Event, EventReader, emit


def line(run_id: str, kind: str = "started") -> bytes:
    return json.dumps(Event(kind, run_id, "")._asdict()).encode() + b"\n"


def ids(reader: EventReader) -> list[str]:
    return [event.run_id for event in reader.new()]


def test_events_come_back_in_order_and_once(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "when needed"
    reader = EventReader(directory)
    assert list(reader.new()) == []
    events = [Event("started", "a", ""), Event("failed", "a", "line 1\nline 2 → ä", 1.5)]
    for event in events:
        emit(directory, event)
    assert list(reader.new()) == events
    assert list(reader.new()) == []
    emit(directory, Event("started", "b", ""))
    assert list(reader.new()) == [Event("started", "b", "", 0.0)]


def test_a_line_that_is_being_written_waits_until_it_is_whole(tmp_path: Path) -> None:
    reader, path, second = EventReader(tmp_path), tmp_path / "worker.jsonl", line("b")
    path.write_bytes(line("a") + second[:10])
    assert ids(reader) == ["a"]
    assert ids(reader) == []
    path.write_bytes(line("a") + second[:-1])
    assert ids(reader) == []
    path.write_bytes(line("a") + second + line("c"))
    assert ids(reader) == ["b", "c"]


def test_a_part_may_end_within_a_letter(tmp_path: Path) -> None:
    text = '{"kind": "failed", "run_id": "a", "text": "ä"}\n'.encode()
    split = text.index("ä".encode()) + 1
    reader, path = EventReader(tmp_path), tmp_path / "worker.jsonl"
    path.write_bytes(text[:split])
    assert list(reader.new()) == []
    path.write_bytes(text + line("b"))
    assert list(reader.new()) == [Event("failed", "a", "ä"), Event("started", "b", "")]
    path.write_bytes(text + line("b") + line("c"))
    assert ids(reader) == ["c"]


def test_what_is_read_stays_read_when_a_reader_stops_in_the_middle(tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    (tmp_path / "worker.jsonl").write_bytes(line("a") + line("b"))
    assert next(reader.new()).run_id == "a"
    assert ids(reader) == ["b"]


def test_each_worker_is_read_from_where_it_was_left(tmp_path: Path) -> None:
    reader = EventReader(tmp_path)
    (tmp_path / "one.jsonl").write_bytes(line("a"))
    (tmp_path / "two.jsonl").write_bytes(line("long run id") + line("b"))
    assert sorted(ids(reader)) == ["a", "b", "long run id"]
    with open(tmp_path / "one.jsonl", "ab") as file:
        file.write(line("c") + line("d"))
    (tmp_path / "three.jsonl").write_bytes(line("e"))
    (tmp_path / "notes.txt").write_text("not an event")
    found = ids(reader)
    assert sorted(found) == ["c", "d", "e"]
    assert found.index("c") < found.index("d")


def emit_many(directory: Path, worker: int) -> None:
    for number in range(50):
        emit(directory, Event("started", f"{worker}-{number}", "x" * 500))


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=emit_many, args=(tmp_path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    reader, found = EventReader(tmp_path), []
    while any(worker.is_alive() for worker in workers):
        found += ids(reader)
        workers[0].join(0.01)
    found += ids(reader)
    assert [worker.exitcode for worker in workers] == [0, 0]
    for worker in range(2):
        assert [run for run in found if run.startswith(f"{worker}-")] == [f"{worker}-{n}" for n in range(50)]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_line_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    # a worker that is killed while it writes leaves a part, and another with its number may write behind it
    (tmp_path / "worker.jsonl").write_bytes(line("a") + line("b")[:12] + line("c") + line("d"))
    reader = EventReader(tmp_path)
    try:
        found = ids(reader)
    except json.JSONDecodeError:
        pytest.fail("the display of the sweep would end here, and every later failure go unnoticed")
    assert (found[0], found[-1]) == ("a", "d")


def test_files_that_say_nothing_new_are_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a launcher may start a process per run, and each leaves a file
    reader = EventReader(tmp_path)
    for number in range(30):
        (tmp_path / f"{number}.jsonl").write_bytes(line(str(number)))
    assert len(ids(reader)) == 30
    opened: list[str] = []
    original = open
    monkeypatch.setattr("builtins.open", lambda path, *rest: (opened.append(str(path)), original(path, *rest))[1])
    assert ids(reader) == []
    with original(tmp_path / "7.jsonl", "ab") as file:
        file.write(line("more"))
    assert ids(reader) == ["more"]
    assert opened == [str(tmp_path / "7.jsonl")]
