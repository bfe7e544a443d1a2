"""The options that every verb has which fine-tunes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.cli import Config, DeviceSetting, PrecisionSetting, SeedSetting, Set

if TYPE_CHECKING:
    from common.tuning.settings import Settings


@dataclass(frozen=True)
class SettingOptions:
    """Settings, from a file, one by one, or by a flag of their own."""

    settings: Set = None
    config: Config = None
    device: DeviceSetting = None
    precision: PrecisionSetting = None
    seed: SeedSetting = None

    def read(
        self,
        defaults: Mapping[str, Any] | None = None,
        *,
        searched: Collection[str] = (),
        refused: Mapping[str, str] | None = None,
        **flags: Any,
    ) -> Settings:
        """The settings; arguments, and what is raised, as of `read_settings`."""
        from common.tuning.configuration import read_settings

        own = {"device": self.device, "precision": self.precision, "seed": self.seed}
        return read_settings(
            self.config,
            self.settings,
            defaults=defaults,
            searched=searched,
            refused=refused,
            **own,
            **flags,
        )
