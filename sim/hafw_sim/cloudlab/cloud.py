"""The cloud itself: serves its API, and makes the lab's network and machines follow its model.

One rule: packets go to the VIP where the model leads, from the moment before anybody can read so.

Runs as a program on the gateway: ``python -m hafw_sim.cloudlab.cloud SITE MOVER DIRECTORY``, with
the directory of the lab's power switch. Its output is a sequence of `RECORD`, the first one with a
machine 0, once it serves.
"""

from __future__ import annotations

import os
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Never

from hafw.net.rtnetlink import Rtnl
from hafw_sim.cloudlab.site import ADDRESSES, Power
from hafw_sim.cloudlab.sites import site_of
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.monitor import RECORD
from hafw_sim.lab.power import OFF, ON
from hafw_sim.lab.topology import MACHINES

if TYPE_CHECKING:
    from hafw_sim.cloudlab.site import Site

VIP, DISK = 0, 1
"""What a record is about: where packets for the VIP are led, or where the disk is."""
LOOK_S: Final = 0.005
"""How often changes are looked for that come by time alone, and orders to machines."""
_SYSCTL: Final = Path("/proc/sys/net/ipv4")


class Follower:
    """The gateway's route to the VIP, and the lab's machines, as the model wants them."""

    def __init__(self, site: Site, network: Rtnl, power: Path) -> None:
        """The VIP leads nowhere, until `look`. `power`: the directory of the lab's power switch."""
        self._site = site
        self._network = network
        self._power = power
        self._led_to: set[str] = set()
        self._disk_at: set[str] = set()
        network.route_host(site.vip, None)

    def look(self) -> None:
        """Let packets go where the model leads them now. To be called with the model's lock."""
        self._disk_at = _record(DISK, self._disk_at, self._site.disk_at(time.time()))
        leads_to = self._site.leads_to(time.time())
        if leads_to == self._led_to:
            return
        hop = IPv4Address(ADDRESSES[min(leads_to)]) if leads_to else None
        self._network.route_host(self._site.vip, hop)
        # One route takes the place of the other, so one ends as the other begins.
        self._led_to = _record(VIP, self._led_to, leads_to)

    def look_at_machines(self) -> None:
        """Pass orders on to the power switch, and what it did to the model. With the lock."""
        for name in ADDRESSES:
            state = (self._power / f"{name}.state").read_text()
            match self._site.power(name):
                case Power.STOPPING if state == ON:
                    (self._power / f"{name}.order").touch()
                case Power.STOPPING if state == OFF:
                    self._site.switch(name, time.time(), on=False)
                case Power.OFF if state == ON:
                    self._site.switch(name, time.time(), on=True)


def _record(what: int, before: set[str], now: set[str]) -> set[str]:
    """Write down what has changed; returns what is so now."""
    at_ns = now_ns()
    for name in sorted(now ^ before):
        os.write(1, RECORD.pack(MACHINES[name].number, what, name in now, at_ns))
    return now


def main(arguments: list[str]) -> Never:
    """Serve and follow until killed."""
    site, power = site_of(arguments[0], arguments[1]), Path(arguments[2])
    _be_a_router()
    with Rtnl() as network:
        follower = Follower(site, network, power)
        server = site.serve()
        server.touched = follower.look
        os.write(1, RECORD.pack(0, 0, 0, now_ns()))
        while True:
            with server.turn():
                follower.look_at_machines()
            time.sleep(LOOK_S)


def _be_a_router() -> None:
    """Forward what is not for this machine, and tell nobody of a shorter way."""
    (_SYSCTL / "ip_forward").write_text("1")
    for interface in ("all", "eth0"):
        (_SYSCTL / "conf" / interface / "send_redirects").write_text("0")


if __name__ == "__main__":
    main(sys.argv[1:])
