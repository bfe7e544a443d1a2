"""A round as a folder that NVFlare runs as a job; it holds no code, so that no site must trust any.

meta.json                          the sites: the server and every party by its name
app/config/config_fed_server.json  who asks
app/config/config_fed_client.json  who answers
app/round/                         the round as `federate init` wrote it
"""

from __future__ import annotations

import shutil
from pathlib import Path

from common.errors import UserError
from common.files import write_json
from common.tuning.federated.flare.messages import TASKS
from common.tuning.federated.round import ROUND, START, Round

APP, FOLDER = "app", "round"
# What a site that lists its classes must allow.
PACKAGE = "common.tuning.federated.flare"
# NVFlare's own, of `config_fed_*.json`.
FORMAT = 2


def write_job(found: Round, directory: Path, *, hours: float) -> None:
    """Write the job.

    Args:
        hours: how long the server waits for the parties, at each of the three tasks.

    Raises:
        UserError: there is something in `directory`.
    """
    if directory.exists():
        raise UserError("there is a file already", where=str(directory), hint="Name another.")
    app = directory / APP
    config = app / "config"
    write_json(
        config / "config_fed_server.json",
        {
            "format_version": FORMAT,
            "workflows": [
                {
                    "id": "round",
                    "path": f"{PACKAGE}.controller.RoundController",
                    "args": {"application": found.application, "timeout": int(hours * 3600)},
                }
            ],
        },
    )
    write_json(
        config / "config_fed_client.json",
        {
            "format_version": FORMAT,
            "executors": [
                {
                    "tasks": list(TASKS),
                    "executor": {
                        "path": f"{PACKAGE}.executor.PartyExecutor",
                        "args": {"application": found.application},
                    },
                }
            ],
        },
    )
    (app / FOLDER).mkdir()
    shutil.copy(found.directory / ROUND, app / FOLDER / ROUND)
    shutil.copytree(found.start, app / FOLDER / START)
    parties = list(found.parties)
    # Last: without it the folder is no job.
    write_json(
        directory / "meta.json",
        {
            "name": directory.name,
            "deploy_map": {APP: ["server", *parties]},
            "min_clients": len(parties),
            "mandatory_clients": parties,
        },
    )
