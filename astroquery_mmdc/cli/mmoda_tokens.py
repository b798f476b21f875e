"""``mmdc mmoda token``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from astroquery_mmdc.cli.common import command_errors, json_option

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda import MMODAClass, Token

__all__ = ["token"]

_places = click.option(
    "--write",
    "places",
    multiple=True,
    type=click.Choice(["cwd", "home"]),
    help="Keep the new token in ./.oda-token or ~/.oda-token; repeatable.",
)


@click.group()
def token() -> None:
    """Tell what the stored token says, and get a new one for it."""


@token.command()
@click.option("--allow-invalid", is_flag=True, help="Take an expired one as well.")
@json_option
@click.pass_obj
@command_errors
def inspect(client: MMODAClass, allow_invalid: bool, as_json: bool) -> None:
    """Tell where the token was found, what it says and when it expires."""
    found = _found(client, allow_invalid=allow_invalid)
    if as_json:
        said = {"place": found.place, "hours_left": found.hours_left}
        click.echo(json.dumps({**said, "payload": dict(found.payload)}))
        return
    click.echo(str(found))
    click.echo(json.dumps(dict(found.payload), indent=4, sort_keys=True))


@token.command()
@_places
@click.pass_obj
@command_errors
def refresh(client: MMODAClass, places: tuple[str, ...]) -> None:
    """Get one that expires later (needs the role "refresh-tokens")."""
    new = client.refresh_token(write=bool(places), places=places or None)
    _tell(new, places)


@token.command()
@click.option("-s", "--secret", envvar="ODA_SECRET", required=True, help="Secret of the service.")
@click.option("--disable-email", is_flag=True, help="No e-mails at submission and completion.")
@click.option("--disable-matrix", is_flag=True, help="No messages at submission and completion.")
@click.option("--matrix-room-id", help="Room for messages.")
@click.option("--new-validity-hours", type=float, help="Hours until it expires.")
@click.option("--allow-invalid", is_flag=True, help="Take an expired one as well.")
@_places
@click.option("--show", is_flag=True, help="Print the new token on standard output.")
@click.pass_obj
@command_errors
def modify(
    client: MMODAClass,
    secret: str,
    disable_email: bool,
    disable_matrix: bool,
    matrix_room_id: str | None,
    new_validity_hours: float | None,
    allow_invalid: bool,
    places: tuple[str, ...],
    show: bool,
) -> None:
    """Sign a changed token, for those who know the secret of the service."""
    from astroquery_mmdc.mmoda.signing import signed_again

    changes: dict[str, Any] = {}
    changes |= {"mssub": False, "msdone": False} if disable_email else {}
    changes |= {"mxsub": False, "mxdone": False} if disable_matrix else {}
    changes |= {"mxroomid": matrix_room_id} if matrix_room_id else {}
    if new_validity_hours is not None:
        changes["exp"] = time.time() + new_validity_hours * 3600
    new = signed_again(_found(client, allow_invalid=allow_invalid), secret, changes)
    if places:
        client.write_token(new, places, discard=True)
    _tell(new, places)
    if show:
        click.echo(new.text)


@token.command()
@click.pass_obj
@command_errors
def discard(client: MMODAClass) -> None:
    """Remove the token that would be used."""
    removed = client.discard_token(["cwd", "home"])
    click.echo(f"removed from {', '.join(removed)}" if removed else "none is stored")


def _found(client: MMODAClass, *, allow_invalid: bool) -> Token:
    from astroquery_mmdc.exceptions import AuthError

    found = client.discover_token(allow_invalid=allow_invalid)
    if found is not None:
        return found
    msg = (
        "token: no valid one is stored; put it into ODA_TOKEN, ./.oda-token or ~/.oda-token, or "
        "pass --allow-invalid to see an expired one"
    )
    raise AuthError(msg)


def _tell(new: Token, places: tuple[str, ...]) -> None:
    """Tell what the new token says; the token itself stays out of terminals and logs."""
    kept = f"; kept in {', '.join(places)}" if places else "; kept nowhere, see --write"
    click.echo(f"{new}{kept}", err=True)
