"""The profile adds up: what is within a stage is told once, and threads that end are not lost."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import replace

import pytest

from processor.profile import stages as names
from processor.profile.stages import Stages
from processor.profile.within import MEANING, Sample, Steps
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.fold import Fold
from projections.retention import RETENTION_MS
from schemas.topics import DAY_MS
from tests.processor.bench import CODEC, DEVICES, NOW, accepted, batch


def work(seconds: float) -> None:
    """Use the processor for so long."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_stage_within_another_is_counted_once() -> None:
    """Looking rows up is part of a fold, and a stage of its own."""
    stages = Stages()
    with stages.timed(names.BATCH), stages.timed(names.FOLD):
        work(0.05)
        with stages.timed(names.LOOK_UP):
            work(0.1)
    spent = stages.seconds()
    stages.close()
    assert spent[names.LOOK_UP] == pytest.approx(0.1, abs=0.04)
    assert spent[names.FOLD] == pytest.approx(0.05, abs=0.04)
    assert spent[names.BATCH] < 0.04


def test_standing_still_is_no_work() -> None:
    """What passes on the clock besides is a wait, and of no stage's processor time."""
    stages = Stages()
    with stages.timed(names.PRODUCE, names.ACKNOWLEDGE_WAIT):
        time.sleep(0.1)
    spent = stages.seconds()
    stages.close()
    assert spent[names.PRODUCE] < 0.05
    assert spent[names.ACKNOWLEDGE_WAIT] >= 0.09


def test_what_a_thread_spent_is_known_when_it_has_ended() -> None:
    """From when it first told: what it did before was for nobody."""
    stages = Stages()

    def run() -> None:
        work(0.1)
        stages.thread(names.FETCH)
        work(0.1)
        stages.thread(names.FETCH)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    spent = stages.seconds()
    stages.close()
    assert spent[names.FETCH] == pytest.approx(0.1, abs=0.04)
    assert spent[names.NATIVE] >= 0.05


def test_the_collector_is_heard_until_the_end() -> None:
    """A profile that is over leaves nothing behind."""
    before = list(gc.callbacks)
    stages = Stages()
    gc.collect()
    assert stages.seconds()[names.COLLECTOR] > 0
    stages.close()
    assert gc.callbacks == before


def test_every_step_of_the_fold_is_measured() -> None:
    """On what a worker kept: records that fold, and one that does not."""
    reader = Reader(load_catalogue(), frozenset({"ESME"}), 2 * DAY_MS)
    frames = batch(*(accepted(device, n) for n, device in enumerate(DEVICES))).frames
    bad = batch(replace(accepted(DEVICES[0], 0), value=b"\x01")).frames[0]
    steps = Steps(reader, CODEC, Fold(reader.catalogue, reader.device_types), RETENTION_MS)
    found = steps.microseconds([Sample(0, [*frames, bad], {}, NOW)])
    assert list(found) == list(MEANING)
    assert all(microseconds > 0 for microseconds in found.values())
    assert steps.microseconds([]) == {}
