"""What `train` shares where labels are learned: options, and what a run ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.cli import Backbone, Promote, Resume
from common.console import results
from common.evaluation.stress.expectations.expectations_cli import ExpectationsFile
from common.learning.labelling.cli import Unlabelled, check_unlabelled
from common.tuning.continual.options_cli import From, MaxForgetting, check_from
from common.tuning.distillation.distil_cli import Teacher, check_teacher
from common.tuning.privacy.privacy_cli import Public, check_files

if TYPE_CHECKING:
    from common.releases.release import Release
    from common.tuning.settings import Settings


@dataclass(frozen=True)
class TrainOptions:
    """What is learned from beside labels, where a run starts, and what becomes of its release."""

    unlabelled: Unlabelled = None
    public: Public = None
    expectations: ExpectationsFile = None
    backbone: Backbone = "auto"
    teacher: Teacher = None
    from_release: From = None
    max_forgetting: MaxForgetting = None
    resume: Resume = False
    promote: Promote = None

    def check(
        self,
        settings: Settings,
        *,
        own: Mapping[str, object],
        pretrained: Mapping[str, object] | None = None,
    ) -> None:
        """See that options and settings agree, before anything is read.

        Args:
            own: an application's option → what it gave; all that are read without noise.
            pretrained: the same, of those that start from a pretrained model.

        Raises:
            UserError: they do not.
        """
        beside = {"--unlabelled": self.unlabelled, "--teacher": self.teacher}
        check_teacher(self.teacher, settings)
        check_unlabelled(self.unlabelled, settings, self.teacher)
        pretrained = {**beside, **(pretrained or {})}
        private = {**own, **pretrained}
        private |= {"--expectations": self.expectations, "--from": self.from_release}
        check_files(settings, self.public, private)
        check_from(self.from_release, settings, pretrained, self.max_forgetting)


def show_release(release: Release, *, promoted: bool) -> None:
    """Which release a run made, whether it serves, and where to read about it."""
    state = "Now serving." if promoted else "Not promoted."
    results().print(f"Release {release.release_id}. {state}", markup=False)
    results().print(f"Report: {release.report}", markup=False, soft_wrap=True)
