"""A network of its own for the bench, in which the addresses of a cloud's machine are this one's.

Rule: nothing outside changes; whoever runs it need not be root.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bench.movers.cases import CASES, INTERFACE
from bench.movers.clouds import METADATA
from bench.movers.measure import takeovers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.movers.cases import Case

MAC: Final = "02:00:00:00:00:01"
"""As the model has it for this node's interface, by which agents ask for its id."""
_HOSTS: Final = f"127.0.0.1 localhost\n{METADATA[0]} metadata.google.internal\n"
_UNSHARE: Final = ("unshare", "--user", "--map-root-user", "--net", "--mount")
_ROOT: Final = Path(__file__).resolve().parents[2]


def measured(
    runs: int, command: str, tell: Callable[[str], None], cases: Sequence[str] = ()
) -> dict[str, Any]:
    """Measure in such a network. Raises RuntimeError."""
    if shutil.which(_UNSHARE[0]) is None:
        raise RuntimeError("install unshare (util-linux): the bench needs a network of its own")
    with tempfile.TemporaryDirectory() as scratch:
        where = Path(scratch, "result.json")
        words = [*_UNSHARE, sys.executable, "-m", "bench.movers.inside", f"--runs={runs}"]
        words += [f"--command={command}", f"--result={where}", *cases]
        with subprocess.Popen(words, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                tell(line.strip())
        if process.returncode:
            raise RuntimeError(f"the measurement ended with exit status {process.returncode}")
        found: dict[str, Any] = json.loads(where.read_text())
    return found


def furnish() -> None:
    """Lay out the network. Raises CalledProcessError."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as hosts:
        hosts.write(_HOSTS)
        hosts.flush()
        for line in (
            "ip link set lo up",
            f"ip address add {METADATA[0]}/32 dev lo",
            f"ip link add {INTERFACE} address {MAC} type veth peer name far",
            f"ip link set {INTERFACE} up",
            "ip link set far up",
            "mount -t sysfs sysfs /sys",
            f"mount --bind {hosts.name} /etc/hosts",
        ):
            subprocess.run(line.split(), check=True)


@click.command()
@click.option("--runs", type=int, required=True)
@click.option("--command", required=True)
@click.option("--result", type=click.Path(path_type=Path), required=True)
@click.argument("names", nargs=-1)
def main(runs: int, command: str, result: Path, names: tuple[str, ...]) -> None:
    """Measure in here, the cases of these names or all; says on stdout what it does."""
    furnish()
    cases: list[Case] = [case for case in CASES if not names or case.name in names]
    found = takeovers(runs, command, click.echo, cases)
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
