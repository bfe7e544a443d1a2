"""`federate`: what every application's verbs share; joining and learning are the application's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import Config, Json, Set, Store, check_backbone, new_app, print_json
from common.console import results, show_table
from common.errors import UserError

if TYPE_CHECKING:
    from common.tuning.federated.aggregate import Aggregated
    from common.tuning.federated.beginning import Start
    from common.tuning.federated.round import Round

RoundDirectory = Annotated[
    Path, typer.Argument(help="The round's folder, which all parties share.", show_default=False)
]
PartyName = Annotated[str, typer.Option("--party", help="Whose texts these are.")]
DEFAULT_CLIPPING = 10.0

# A backbone's name, or the store and the id of a release → what a round starts from.
StartOf = Callable[[str | None, Path, str | None], "Start"]


def new_federate_app(application: str, defaults: dict[str, Any], start_of: StartOf) -> typer.Typer:
    """`federate` with the verbs of the coordinator.

    Args:
        defaults: the application's own settings of training.
        start_of: must import nothing heavy before it is called.
    """
    app = new_app("Improve one model with other branches; no text leaves a branch.")

    @app.command()
    def init(
        directory: RoundDirectory,
        parties: Annotated[
            str, typer.Option("--parties", help="Names of the branches, by comma: north,south,web")
        ],
        backbone: Annotated[
            str | None,
            typer.Option("--backbone", help="Start from a pretrained model: minilm, e5-small …"),
        ] = None,
        from_release: Annotated[
            str | None,
            typer.Option("--from", help="Start from a release of this store: its id, or current."),
        ] = None,
        after: Annotated[
            Path | None, typer.Option("--after", help="Start from where another round ended.")
        ] = None,
        masked: Annotated[
            bool,
            typer.Option(
                "--masked",
                help="Nobody can look at one contribution, only at the sum; three parties or more.",
            ),
        ] = False,
        clipping: Annotated[
            float,
            typer.Option(
                "--clipping", min=1e-6, max=1e6, help="Largest norm of what one party changes."
            ),
        ] = DEFAULT_CLIPPING,
        settings: Set = None,
        config: Config = None,
        store: Store = Path("var"),
    ) -> None:
        """Begin a round: the coordinator's first step."""
        from common.tuning.configuration import read_settings
        from common.tuning.federated.beginning import after as end_of
        from common.tuning.federated.beginning import begin, settings_of

        given = {"strategy": "lora", **defaults}
        chosen = settings_of(read_settings(config, settings, defaults=given))
        if sum(one is not None for one in (backbone, from_release, after)) != 1:
            raise UserError(
                "a round starts from one model",
                hint="Give one of --backbone NAME, --from RELEASE, --after DIR.",
            )
        if backbone is not None:
            check_backbone(backbone)
        start = end_of(after) if after else start_of(backbone, store, from_release)
        names = [name.strip() for name in parties.split(",") if name.strip()]
        begin(directory, application, names, start, chosen, clipping=clipping, masked=masked)
        results().print(
            f"{directory}: a round of {len(names)} parties. Each now runs: federate join "
            f"{directory} --party NAME …",
            markup=False,
            soft_wrap=True,
        )

    @app.command()
    def job(
        directory: RoundDirectory,
        out: Annotated[Path, typer.Argument(help="The job's folder, not there yet.")],
        hours: Annotated[
            float,
            typer.Option(
                "--hours", min=0.01, max=8760, help="How long parties are waited for at each step."
            ),
        ] = 24.0,
    ) -> None:
        """Write the round as a job of NVFlare, which joins, contributes and aggregates by itself.

        Parties are called as NVFlare calls their sites. docs/federated.md says what a site needs.
        """
        from common.tuning.federated.flare.job import PACKAGE, write_job

        found = open_round(directory, application)
        write_job(found, out, hours=hours)
        results().print(
            f"{out}: submit it with `nvflare job submit`. Each site needs bizlm[nvflare], local/"
            f"bizlm.toml with a table of its name, and {PACKAGE} in its class_allow_list.",
            markup=False,
            soft_wrap=True,
        )

    @app.command()
    def drop(directory: RoundDirectory, party: PartyName) -> None:
        """Go on without a party: the others contribute again, which takes seconds."""
        left = open_round(directory, application).drop(party)
        results().print(
            f"{party} takes no part any more. Left: {', '.join(left.parties)}; they run federate "
            "contribute again.",
            markup=False,
            soft_wrap=True,
        )

    @app.command()
    def aggregate(directory: RoundDirectory, as_json: Json = False) -> None:
        """Check what the parties sent, leave out what is poisoned, and write the joint model.

        Exit code 3 where something is missing, or cannot be left out.
        """
        roster = open_round(directory, application).roster()

        from common.tuning.federated.aggregate import aggregate as average

        found = average(roster)
        if as_json:
            print_json({"directory": str(found.directory), **found.to_json()})
            return
        _show(found)

    return app


def open_round(directory: Path, application: str) -> Round:
    """A round of this application.

    Raises:
        UserError: there is none, or it is another's.
    """
    from common.tuning.federated.round import Round

    found = Round.read(directory)
    if found.application != application:
        raise UserError(
            f"this is a round of {found.application}",
            where=str(directory),
            hint=f"python -m apps.{found.application} federate …",
        )
    return found


def _show(found: Aggregated) -> None:
    from rich.table import Table

    table = Table("party", "norm", "agreement", "labels alike", "", title="Contributions")
    for party, one in found.judged.items():
        rows = "–" if one.rows is None else f"{one.rows:.2f}"
        told = f"LEFT OUT: {one.left_out}" if one.left_out else "takes part"
        table.add_row(party, f"{one.norm:.3g}", f"{one.agreement:.2f}", rows, told)
    show_table(table)
    lines = [f"Joint model: {found.directory}. Labels: {found.labels}."]
    lines += [f"Nobody is left of {head}: {', '.join(gone)}" for head, gone in found.lost.items()]
    lines += [
        f"{party}: ε = {one['epsilon']:g}, δ = {one['delta']:g}, for {one['unit']}; the budgets of "
        "rounds add up."
        for party, one in found.privacy.items()
    ]
    lines.append("Each branch now runs: federate adopt DIR --faqs … --questions …")
    for line in lines:
        results().print(line, markup=False, soft_wrap=True)
