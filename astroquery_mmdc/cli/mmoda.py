"""``mmdc mmoda``: instruments, products, tokens and jobs of a dispatcher; notebooks as one."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from astroquery_mmdc.cli.common import command_errors, json_option, show
from astroquery_mmdc.cli.mmoda_tokens import token

if TYPE_CHECKING:
    from astroquery_mmdc.mmoda import MMODAClass

__all__ = ["mmoda"]

_FOLDER = click.Path(file_okay=False, path_type=Path)
_NOTEBOOK = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
@click.option("-u", "--url", envvar="MMODA_SERVER", help="Address of the dispatcher.")
@click.option("--timeout", type=float, help="Seconds to wait for an answer.")
@click.option("-d", "--debug", is_flag=True, help="Tell what is going on, on standard error.")
@click.option("-t", "--test-connection", is_flag=True, help="Ask for the instruments first.")
@click.pass_context
@command_errors
def mmoda(
    context: click.Context,
    url: str | None,
    timeout: float | None,
    debug: bool,
    test_connection: bool,
) -> None:
    """Products of a MMODA dispatcher."""
    from astroquery_mmdc import MMODAClass

    if debug:
        logging.basicConfig(level=logging.INFO)
        logging.getLogger("astroquery_mmdc").setLevel(logging.DEBUG)
    context.obj = MMODAClass(url, timeout=timeout)
    if test_connection:
        names = ", ".join(context.obj.list_instruments()["instrument"])
        click.echo(f"the dispatcher has: {names}", err=True)


@mmoda.command("list")
@json_option
@click.pass_obj
@command_errors
def list_(client: MMODAClass, as_json: bool) -> None:
    """List the instruments."""
    _list(client, as_json=as_json)


def _list(client: MMODAClass, *, as_json: bool) -> None:
    names = client.list_instruments()["instrument"].tolist()
    click.echo(json.dumps(names) if as_json else "\n".join(names))


@mmoda.command()
@click.argument("instrument")
@click.argument("product", required=False)
@json_option
@click.pass_obj
@command_errors
def describe(client: MMODAClass, instrument: str, product: str | None, as_json: bool) -> None:
    """Tell the products of INSTRUMENT, or of one PRODUCT, with their parameters."""
    _describe(client, instrument, product, as_json=as_json)


def _describe(client: MMODAClass, instrument: str, product: str | None, *, as_json: bool) -> None:
    if product is None:
        table = client.describe_instrument(instrument)
    else:
        table = client.describe_product(instrument, product)
    if as_json:
        show(table, as_json=True)
    else:
        click.echo(table.meta["text"].lstrip("\n"))


@mmoda.command()
@click.option("-i", "--instrument", help="Without it, the instruments are listed.")
@click.option("-p", "--product", help="Without it, the instrument is described.")
@click.option("-a", "--argument", "pairs", multiple=True, help="NAME=VALUE; repeatable.")
@click.option(
    "-T",
    "--token-discovery-method",
    "place",
    help="Where to look for the token: environment, cwd, home or context.",
)
@click.option("-w/-nw", "--wait/--no-wait", default=True, help="Wait for the product.")
@click.option("-c", "--cache", is_flag=True, help="Remember the product, and use it again.")
@click.option("-o", "--output", type=_FOLDER, help="Folder to save the products to.")
@json_option
@click.pass_obj
@command_errors
def get(
    client: MMODAClass,
    instrument: str | None,
    product: str | None,
    pairs: tuple[str, ...],
    place: str | None,
    wait: bool,
    cache: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Get a product."""
    if instrument is None:
        _list(client, as_json=as_json)
        return
    if product is None:
        _describe(client, instrument, None, as_json=as_json)
        return
    options: dict[str, Any] = {"cache": True} if cache else {}
    handle = client.get_product_async(
        instrument=instrument,
        product=product,
        token=_token(client, place),
        **options,
        **_arguments(pairs),
    )
    if not wait:
        _submitted(handle, as_json=as_json)
        return
    _deliver(handle.get_data(), output, as_json=as_json)


def _arguments(pairs: tuple[str, ...]) -> dict[str, Any]:
    from astroquery_mmdc.exceptions import InvalidRequestError

    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            msg = f"argument: {pair!r} is not NAME=VALUE, such as RA=166.1"
            raise InvalidRequestError(msg, parameter="argument")
        arguments[name.strip()] = value
    return arguments


def _token(client: MMODAClass, place: str | None) -> Any:
    if place is None:
        return None
    found = client.discover_token({"oda_env_var": "environment"}.get(place.lower(), place.lower()))
    if found is None:
        click.echo(f"warning: no valid token in {place}; looking everywhere", err=True)
    return found


def _submitted(handle: Any, *, as_json: bool) -> None:
    """Print the id of the job once the dispatcher has told it."""
    status = handle.poll()
    if handle.done():
        handle.get_data()  # says what went wrong, if something did
    job = {"job_id": handle.job_id, "status": status}
    text = f"job {handle.job_id} is {status}; `mmdc mmoda jobs {handle.job_id}` takes it up"
    click.echo(json.dumps(job) if as_json else text)


def _deliver(collection: Any, output: Path | None, *, as_json: bool) -> None:
    files = collection.save_all_data(directory=output) if output else []
    if as_json:
        listed = [{**entry, "kind": type(p).__name__} for entry, p in _entries(collection)]
        click.echo(json.dumps({"products": listed, "files": [str(path) for path in files]}))
        return
    for entry, product in _entries(collection):
        click.echo(f"{entry['prod_name']}: {product!r:.400}")
    if not len(collection):
        click.echo("no products")
    for path in files:
        click.echo(f"wrote {path}", err=True)


def _entries(collection: Any) -> list[tuple[dict[str, Any], Any]]:
    return list(zip(collection.as_list(), collection, strict=True))


@mmoda.command()
@click.argument("job_id", required=False)
@click.option("-o", "--output", type=_FOLDER, help="Folder to save the products to.")
@json_option
@click.pass_obj
@command_errors
def jobs(client: MMODAClass, job_id: str | None, output: Path | None, as_json: bool) -> None:
    """List the jobs of this machine, or wait for JOB_ID and print its products."""
    if job_id is None:
        show(client.list_jobs(), as_json=as_json)
        return
    _deliver(client.get_job(job_id).get_data(), output, as_json=as_json)


@mmoda.command()
@click.option(
    "-s",
    "--store",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file to write; with --local, to read [dispatcher-state.json].",
)
@click.option("-j", "--job-id", help="Only this job.")
@click.option("--group-by-job", is_flag=True, help="One entry for each job.")
@click.option("--own", is_flag=True, help="Only your own jobs; needs no role.")
@click.option("-l", "--local", is_flag=True, help="Read the file of --store, ask nobody.")
@json_option
@click.pass_obj
@command_errors
def inspect(
    client: MMODAClass,
    store: Path | None,
    job_id: str | None,
    group_by_job: bool,
    own: bool,
    local: bool,
    as_json: bool,
) -> None:
    """Tell what the dispatcher keeps about jobs (needs the role "job manager")."""
    from astroquery_mmdc._files import write_atomic

    if local:
        records = _stored_records(store or Path("dispatcher-state.json"))
    else:
        records = client.inspect_state(job_id=job_id, group_by_job=group_by_job, own=own)
        if store:
            write_atomic(store, json.dumps({"records": records}, indent=1))
            click.echo(f"wrote {store}", err=True)
    if as_json:
        click.echo(json.dumps(records, indent=1))
        return
    click.echo("\n".join(map(_line, records)) or "no jobs")


def _stored_records(path: Path) -> list[dict[str, Any]]:
    from astroquery_mmdc.exceptions import InvalidRequestError

    try:
        records: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["records"]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        msg = f"store: {path} holds no records of jobs; give a file that inspect -s has written"
        raise InvalidRequestError(msg, parameter="store") from err
    return records


def _line(record: dict[str, Any]) -> str:
    from astropy.time import Time

    states = record.get("job_status_data") or [record]
    done = "completed" if any(one.get("request_completed") for one in states) else "not completed"
    moment = states[-1].get("mtime")
    when = Time(moment, format="unix").isot[:19] if isinstance(moment, int | float) else ""
    asked = record.get("analysis_parameters")
    what = asked.get("product_type", "") if isinstance(asked, dict) else ""
    late = ", its token had expired" if any(one.get("token_expired") for one in states) else ""
    return f"{record.get('job_id')}  {when}  {done}{late}  {what}".rstrip()


@mmoda.command("serve-notebook")
@click.argument("notebooks", nargs=-1, required=True, type=_NOTEBOOK)
@click.option("--name", help="Name of the instrument; that of the first file by default.")
@click.option("--seconds", default=600.0, show_default=True, help="How long a run may take.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8421, show_default=True, help="Port; 0 takes a free one.")
@command_errors
def serve_notebook(
    notebooks: tuple[Path, ...], name: str | None, seconds: float, host: str, port: int
) -> None:
    """Serve annotated NOTEBOOKS as products of an instrument, on this machine."""
    from astroquery_mmdc.server import serve

    serve(
        host=host,
        port=port,
        ready=_announce,
        notebooks=notebooks,
        notebook_instrument=name,
        notebook_seconds=seconds,
    )


def _announce(url: str) -> None:
    click.echo(f"serving at {url}/dispatch-data - end with Ctrl-C")


mmoda.add_command(token)
