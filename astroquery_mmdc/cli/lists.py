"""``mmdc catalogs | parameters | jobs``."""

from __future__ import annotations

import click

from astroquery_mmdc.cli.common import client, command_errors, json_option, service_options, show

__all__ = ["catalogs", "jobs", "parameters"]


@click.command()
@click.option("--holding", help="observations, sed or sample.")
@json_option
@command_errors
def catalogs(holding: str | None, as_json: bool) -> None:
    """List the known catalogues."""
    show(client(None, None).list_catalogs(holding=holding), as_json=as_json)


@click.command()
@click.argument("model_type")
@json_option
@command_errors
def parameters(model_type: str, as_json: bool) -> None:
    """List the parameters of MODEL_TYPE: ssc, eic or hadronic."""
    show(client(None, None).list_parameters(model_type), as_json=as_json)


@click.command()
@click.argument("job_id", required=False)
@json_option
@service_options
@command_errors
def jobs(job_id: str | None, server: str | None, timeout: float | None, as_json: bool) -> None:
    """List the jobs of this machine, or wait for JOB_ID and print its result."""
    mmdc = client(server, timeout)
    if job_id is None:
        show(mmdc.list_jobs(), as_json=as_json)
        return
    result = mmdc.get_job(job_id).get_data()
    for name in ("observations", "parameters"):
        result = getattr(result, name, result)
    show(result, as_json=as_json)
