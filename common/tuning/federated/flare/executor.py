"""A party as NVFlare's client: it joins, contributes and takes the joint model when it is asked."""

from __future__ import annotations

from pathlib import Path

from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.shareable import Shareable, make_reply
from nvflare.apis.signal import Signal

from common.errors import UserError
from common.tuning.federated.flare.job import FOLDER
from common.tuning.federated.flare.messages import (
    CONTRIBUTE,
    FILES,
    JOIN,
    TAKE,
    read_files,
    write_files,
)
from common.tuning.federated.flare.site import options_of
from common.tuning.federated.flare.verbs import run_verb
from common.tuning.federated.round import CONTRIBUTIONS, JOINT, PARTIES

# What is due of each task's message, and the party's own files that answer it.
DUE = {CONTRIBUTE: f"{PARTIES}/*.json", TAKE: f"{JOINT}/*"}
ANSWERS = {JOIN: PARTIES, CONTRIBUTE: CONTRIBUTIONS}


class PartyExecutor(Executor):  # type: ignore[misc]  # of an extra
    """Runs `federate join` and `contribute` on the site's own files.

    The party is called as NVFlare calls the site, so that nobody can speak for another.
    """

    def __init__(self, application: str) -> None:
        super().__init__()
        self.application = application

    def execute(
        self, task_name: str, shareable: Shareable, fl_ctx: FLContext, abort_signal: Signal
    ) -> Shareable:
        """Do one task; why one failed is told to the site's own log alone."""
        workspace = fl_ctx.get_engine().get_workspace()
        directory = Path(workspace.get_app_dir(fl_ctx.get_job_id())) / FOLDER
        party = fl_ctx.get_identity_name()
        try:
            if task_name in DUE:
                write_files(shareable, directory, DUE[task_name])
            if task_name not in ANSWERS:
                self.log_info(fl_ctx, f"The joint model is here: federate adopt {directory} …")
                return make_reply(ReturnCode.OK)
            local = Path(workspace.get_site_config_dir())
            words = [task_name, str(directory), "--party", party, *options_of(local, party)]
            run_verb(
                self.application,
                words,
                directory,
                here=local,
                is_over=lambda: bool(abort_signal.triggered),
            )
        except UserError as error:
            # It may quote a row of the site's files: the coordinator hears that it failed.
            self.log_error(fl_ctx, str(error))
            return make_reply(ReturnCode.EXECUTION_EXCEPTION)
        reply = make_reply(ReturnCode.OK)
        reply[FILES] = read_files(directory, f"{ANSWERS[task_name]}/{party}.*")
        return reply
