"""`hafw config`: is the cluster file right, and what does it mean?

One rule: the check reads what the agent reads, with the same functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hafw.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def config() -> None:
    """Check the cluster file."""


@config.command()
@config_option
def check(config: Path) -> None:
    """Say everything that is wrong with the cluster file, or what it means.

    Exit status: 0 the file (and each file with a secret that is there) is right, 9 it is not.
    """
    import os

    from hafw.config.explain import explain
    from hafw.config.fences import check_secrets
    from hafw.config.identity import config_hash
    from hafw.config.keys import load_keys
    from hafw.config.loading import load

    cluster = load(config)
    if cluster.key_file.exists():
        load_keys(cluster.key_file)
    else:
        click.echo(f"warning: there is no key file {cluster.key_file} on this machine", err=True)
    for missing in check_secrets(cluster, os.uname().nodename):
        click.echo(f"warning: {missing}", err=True)
    if cluster.control_group is not None and not _is_group(cluster.control_group):
        nobody = f'there is no group "{cluster.control_group}" on this machine'
        click.echo(f"warning: {nobody}, so only root may give orders to the agent", err=True)
    for warning in cluster.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(explain(cluster))
    click.echo(f"configuration hash {config_hash(cluster).hex()}: the same on both nodes")


def _is_group(name: str) -> bool:
    import grp

    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
