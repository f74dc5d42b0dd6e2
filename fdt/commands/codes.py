"""``fdt codes``: what native codes mean, and what another catalogue would change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fdt.codes import codes_table, differences_table, markdown
from fdt.errors import UserError
from fdt.settings import Settings
from projections.catalogue import BadCatalogue, Catalogue, differences, load_catalogue
from projections.state import ForeignLayout


def codes(
    file: Annotated[
        Path | None, typer.Argument(help="A catalogue to look at; without it the one in force.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say what FILE reads otherwise than the one in force.")
    ] = False,
    rows: Annotated[
        bool, typer.Option("--rows", help="Say which stored rows FILE would change.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The text of docs/lifecycle.md.")
    ] = False,
) -> None:
    """List and check a code catalogue; say what another one would change."""
    settings = Settings()
    if (compare or rows) and file is None:
        raise UserError("Name the catalogue to compare: fdt codes FILE --compare.")
    try:
        in_force = load_catalogue(settings.catalogue_path)
        asked = in_force if file is None else load_catalogue(file)
        if as_markdown:
            typer.echo(markdown(asked), nl=False)
        elif compare or rows:
            _compare(in_force, asked)
        else:
            _list(asked)
        if rows:
            _rows(settings, asked)
    except BadCatalogue as error:
        raise UserError(str(error)) from error
    except ForeignLayout as error:
        raise UserError(f"The stored rows are another version's: {error}.") from error


def _list(catalogue: Catalogue) -> None:
    Console().print(codes_table(catalogue))
    typer.echo(f"Catalogue {catalogue.version}: {len(catalogue.rows)} meanings, no error.")


def _compare(in_force: Catalogue, asked: Catalogue) -> None:
    found = differences(in_force, asked)
    if found:
        Console().print(differences_table(found))
    typer.echo(f"{asked.version} reads {len(found)} codes otherwise than {in_force.version}.")


def _rows(settings: Settings, catalogue: Catalogue) -> None:
    """Each item that would change, then the sums; the rows are those of the status topic."""
    from fdt.stored_rows import stored_rows
    from projections.revision import revised

    read, changed, moves = 0, 0, Counter[str]()
    for device, state in stored_rows(settings):
        read += 1
        found = revised(state, catalogue)
        if found is None:
            continue
        changed += 1
        for item in found:
            moves[str(item)] += 1
            typer.echo(f"{device} {item.request_id} {item}")
    typer.echo(f"{changed} of {read} stored rows would change, and {moves.total()} of their items:")
    for move, times in moves.most_common():
        typer.echo(f"{times:>8} {move}")
