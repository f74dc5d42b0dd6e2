"""The profile of one worker: the times of its stages and of the steps of its fold, as one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from processor.config import ProcessorConfig, codec_of, reader_of
from processor.partition.partition import Partition
from processor.profile.profiled import ProfiledPartition
from processor.profile.stages import FOLD, MEANING, Stages
from processor.profile.within import MEANING as STEPS
from processor.profile.within import Sample, Steps
from projections.fold import Fold


@dataclass(frozen=True, slots=True)
class Line:
    """A stage, or a step of one, with its time in microseconds an event."""

    stage: str
    step: str | None
    microseconds: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Records the times of a worker; :meth:`lines` gives them when it has ended."""

    stages: Stages = field(default_factory=Stages)
    samples: list[Sample] = field(default_factory=list)

    def partition(self, *given: Any, **named: Any) -> Partition:
        """A profiled partition, in place of :class:`~processor.partition.partition.Partition`."""
        return ProfiledPartition(*given, stages=self.stages, samples=self.samples, **named)

    def lines(self, config: ProcessorConfig) -> list[Line]:
        """All stages, that of the fold with its steps; empty if nothing was folded."""
        if not self.stages.events:
            return []
        reader, codec = reader_of(config), codec_of(config)
        rules = Fold(reader.catalogue, reader.device_types, config.timeline_cap)
        steps = Steps(reader, codec, rules, config.retention_ms).microseconds(self.samples)
        found: list[Line] = []
        for stage, seconds in self.stages.seconds().items():
            spent = seconds * 1e6 / self.stages.events
            found.append(Line(stage, None, spent, MEANING[stage]))
            if stage == FOLD:
                found += [Line(stage, step, us, STEPS[step]) for step, us in steps.items()]
        return found
