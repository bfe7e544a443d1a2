"""The coordinator as NVFlare's server: asks all parties, aggregates, and gives all the outcome."""

from __future__ import annotations

from pathlib import Path

from nvflare.apis.client import Client
from nvflare.apis.controller_spec import ClientTask, Task
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.fl_context import FLContext
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable
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
from common.tuning.federated.flare.verbs import run_verb
from common.tuning.federated.round import CONTRIBUTIONS, JOINT, PARTIES, Round


class RoundController(Controller):  # type: ignore[misc]  # of an extra
    """One round: join, contribute, `federate aggregate`, and the joint model for all.

    Args:
        timeout: seconds that the parties have for each task.
    """

    def __init__(self, application: str, timeout: int) -> None:
        super().__init__()
        self.application = application
        self.timeout = timeout

    def start_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is kept between jobs."""

    def stop_controller(self, fl_ctx: FLContext) -> None:
        """Nothing is kept between jobs."""

    def control_flow(self, abort_signal: Signal, fl_ctx: FLContext) -> None:
        """Lead the round; what cannot go on ends the job, and says why."""
        workspace = fl_ctx.get_engine().get_workspace()
        directory = Path(workspace.get_app_dir(fl_ctx.get_job_id())) / FOLDER
        try:
            self._ask(JOIN, {}, directory, PARTIES, fl_ctx, abort_signal)
            members = read_files(directory, f"{PARTIES}/*.json")
            self._ask(CONTRIBUTE, members, directory, CONTRIBUTIONS, fl_ctx, abort_signal)
            run_verb(
                self.application,
                ["aggregate", str(directory)],
                directory,
                here=directory,
                is_over=lambda: bool(abort_signal.triggered),
            )
            joint = read_files(directory, f"{JOINT}/**/*")
            self._ask(TAKE, joint, directory, None, fl_ctx, abort_signal)
            self.log_info(fl_ctx, f"The joint model: {directory / JOINT}")
        except UserError as error:
            self.system_panic(str(error), fl_ctx)

    def _ask(
        self,
        name: str,
        files: dict[str, bytes],
        directory: Path,
        folder: str | None,
        fl_ctx: FLContext,
        abort_signal: Signal,
    ) -> None:
        """Give all parties a task, and keep what they send.

        Args:
            folder: where their answers belong; None: they send none.

        Raises:
            UserError: one did not answer, or could not.
        """
        parties = list(Round.read(directory).parties)
        failed = dict.fromkeys(parties, "no answer")

        def receive(client_task: ClientTask, fl_ctx: FLContext) -> None:
            party, result = client_task.client.name, client_task.result
            try:
                if result.get_return_code() != ReturnCode.OK:
                    raise UserError("it failed there; its own log says why")
                if folder is not None:
                    write_files(result, directory, f"{folder}/{party}.*")
                failed.pop(party, None)
            except UserError as error:
                failed[party] = str(error)
            # Of a large model, the bytes of all at once.
            client_task.result = None

        data = Shareable()
        data[FILES] = files
        task = Task(name=name, data=data, timeout=self.timeout, result_received_cb=receive)
        self.broadcast_and_wait(
            task, fl_ctx, targets=parties, min_responses=len(parties), abort_signal=abort_signal
        )
        if failed:
            told = "; ".join(f"{party}: {why}" for party, why in failed.items())
            raise UserError(
                f"{name}: {told}",
                hint="Once it is mended, submit the job again, or go on without: federate drop "
                "ROUND --party NAME, and federate job anew. What was learned is kept.",
            )

    def process_result_of_unknown_task(
        self,
        client: Client,
        task_name: str,
        client_task_id: str,
        result: Shareable,
        fl_ctx: FLContext,
    ) -> None:
        """What comes too late is not taken."""
        self.log_info(fl_ctx, f"{task_name} of {client.name} came too late")
