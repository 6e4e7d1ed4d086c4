"""The command `integrations jobs`: the list of named jobs, for people and for orchestrators elsewhere."""

from __future__ import annotations

import click

from integrations_platform.cli.session import Session


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The whole list, as Airflow reads it.")
@click.pass_obj
def jobs(session: Session, as_json: bool) -> None:
    """List the named jobs of the environment: in Dagster, and the DAG that starts each from Airflow.

    Airflow has no access to these files. It reads the list that --json writes: save it where Airflow runs and name it
    in INTEGRATIONS_CATALOGUE.
    """
    from integrations_platform.cli.output import columns
    from integrations_platform.job_list import listing_text, named_jobs
    from integrations_platform.jobs import load_catalogue

    catalogue = load_catalogue(session.environment, session.env_file, [session.syncs] if session.syncs else None)
    if as_json:
        click.echo(listing_text(catalogue), nl=False)
        return
    columns(
        ("JOB", "SCHEDULE", "OWNER", "DAG"),
        [(job.name, job.schedule or "-", job.owner or "-", job.dag) for job in named_jobs(catalogue).values()],
    )
