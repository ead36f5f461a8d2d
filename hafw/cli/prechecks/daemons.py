"""Which other programs on this machine think that a VIP, or its interface, is theirs?

One rule: a daemon is named only while it runs; what it wrote down outlives it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafw.hooks.findings import Finding, Findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hafw.cli.prechecks.subject import Subject

PROCESSES: Final = Path("/proc")
_NAME_CHARS: Final = 15
"""How much of a program's name the kernel keeps (proc(5), comm)."""


@dataclass(frozen=True, slots=True)
class Manager:
    """A daemon that manages interfaces, and says of each link, in a file by its index, which.

    `claim`: the line that says so. `what`: what it does to addresses that it did not set.
    """

    program: str
    links: Path
    claim: str
    what: str
    remedy: str

    def claims(self, index: int) -> bool:
        """Whether it runs, and manages the interface of this index."""
        with suppress(OSError):
            said = (self.links / str(index)).read_text().splitlines()
            return self.claim in said and runs(self.program)
        return False


MANAGERS: Final = (
    Manager(
        program="systemd-networkd",
        links=Path("/run/systemd/netif/links"),
        claim="ADMIN_STATE=configured",
        what="takes foreign addresses off it when it restarts",
        remedy="write KeepConfiguration=yes to its .network file, or Unmanaged=yes",
    ),
    Manager(
        program="NetworkManager",
        links=Path("/run/NetworkManager/devices"),
        claim="managed=true",
        what="takes foreign addresses off it when its connection is activated again",
        remedy="write unmanaged-devices=interface-name:{name} to the section [keyfile] of "
        "NetworkManager.conf, or run `nmcli connection up` only on a standby",
    ),
)

EC2_NET_UTILS: Final = Path("/run/amazon-ec2-net-utils")
"""Where amazon-ec2-net-utils keeps what it does."""
GUEST_AGENT: Final = "google_guest_agent"
GUEST_OPTIONS: Final = (
    Path("/etc/default/instance_configs.cfg"),
    Path("/etc/default/instance_configs.cfg.distro"),
)


def of_interface(name: str, index: int, notes: Findings) -> None:
    """Find the daemons that manage an interface with VIPs."""
    for manager in MANAGERS:
        if manager.claims(index):
            what = f"{manager.program} manages it, and {manager.what}"
            notes.warn("interface.daemons", what, manager.remedy.format(name=name))


def of_cloud(subject: Subject) -> list[Finding]:
    """Find the helpers of clouds that move addresses by themselves."""
    notes = Findings(subject.node)
    vips = {
        (vip.provider, dict(vip.options).get("mover"))
        for group in subject.cluster.groups
        for vip in group.vips
    }
    if ("aws", "private-ip") in vips and EC2_NET_UTILS.exists():
        notes.warn(
            "aws.net_utils",
            "amazon-ec2-net-utils puts secondary addresses on interfaces, and takes them off, by "
            "itself",
            "systemctl mask --now refresh-policy-routes@INTERFACE.timer, for each with a VIP",
        )
    if any(provider == "gcp" for provider, _ in vips) and runs(GUEST_AGENT):
        _aliases(notes)
    return notes.found


def _aliases(notes: Findings) -> None:
    if "ip_aliases=false" not in _guest_options():
        notes.warn(
            "gcp.guest_agent",
            "Google's guest agent adds a local route for every alias range by itself",
            "write [IpForwarding] ip_aliases = false to /etc/default/instance_configs.cfg, and "
            "restart google-guest-agent",
        )


def _guest_options() -> Iterator[str]:
    for path in GUEST_OPTIONS:
        with suppress(OSError):
            yield from path.read_text().lower().replace(" ", "").splitlines()


def runs(program: str) -> bool:
    """Whether a process of this name is there."""
    for entry in PROCESSES.glob("[0-9]*/comm"):
        with suppress(OSError):  # it has just ended
            if entry.read_text().strip() == program[:_NAME_CHARS]:
                return True
    return False
