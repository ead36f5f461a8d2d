"""The file in which everything is wrong at once: every error, its line and its remedy."""

from __future__ import annotations

from tests.config.samples import errors

EVERYTHING_WRONG = """\
[cluster]
name = "two words"
id = "not-a-uuid"
port = 99999
mode = "active-pasive"
key_file = "cluster.key"
protection = "yes"
colour = "blue"

[nodes.server1.local]
[nodes."bad name"]
fence = { method = "ipmi", bmc = "10.9.9.9" }

[[links]]
server1 = { interface = "an-interface-name-too-long", address = "10.1.1.300" }
"bad name" = { interfaces = "eth0", address = "0.0.0.0" }

[ping]
addresses = ["10.1.1.0/24", 7]
reflect = "10.1.1.1"
switchover = "on"

[timing]
keepalive = 1000
warntime = "5"
deadtime = "10 fortnights"
initdead = "2h"

[authority]
lease = "witness"
lease_ttl = 20

[[groups]]
id = 0
preferred = "gamma"
auto_failback = "no"
resources = [
  { type = "filesystem", device = "/dev/vg0/data" },
  { type = "vip", provider = "onprm", address = "10.1.1.111", interface = "" },
  { type = "vip", address = "10.1.1.255/24" },
  { address = "10.1.1.112/24" },
]

[agent]
control_group = "hafw:admins"
group = "hafw"

[[groups]]
id = 3
prefered = "server1"

[panel]
"""

EXPECTED = """\
2: cluster.name: "two words" is no name; use letters, digits, dots and dashes
3: cluster.id: "not-a-uuid" is no UUID; copy the id from the other node's file
4: cluster.port: 99999 is out of range; use a number from 1 to 65535
5: cluster.mode: "active-pasive" is not known here; did you mean "active-passive"?
6: cluster.key_file: "cluster.key" is not an absolute path; begin it with "/"
7: cluster.protection: "yes" is not known here; choose from "best-effort", "fenced+leased"
8: cluster.colour: there is no such key here; choose from "id", "key_file", "mode", "name", \
"port", "protection"
10: nodes.server1.local: a node has no such table; quote a name with dots: [nodes."server1.local"]
11: nodes."bad name": "bad name" is no host name; write what `uname -n` says there
12: nodes."bad name".fence.address: this is missing; add it: a text in quotes, as in "eth0"
12: nodes."bad name".fence.password_file: this is missing; add it: a text in quotes, as in "eth0"
12: nodes."bad name".fence.username: this is missing; add it: a text in quotes, as in "eth0"
12: nodes."bad name".fence.bmc: there is no such key here; choose from "address", "cipher_suite", \
"guid", "method", "password_file", "port", "timeout", "username"
15: links[0].server1.interface: "an-interface-name-too-long" is no interface name; write one, as \
in "eth0"
15: links[0].server1.address: "10.1.1.300" is no IP address; write one, as in "10.1.1.100"
16: links[0]."bad name".interface: this is missing; add it: a text in quotes, as in "eth0"
16: links[0]."bad name".address: 0.0.0.0 cannot be the address of a machine; choose another
16: links[0]."bad name".interfaces: there is no such key here; did you mean "interface"?
19: ping.addresses[1]: this is a number (7); make it a text in quotes, as in "eth0"
19: ping.addresses[0]: "10.1.1.0/24" is a network; write "10.1.1.0"
20: ping.reflect: 10.1.1.1 is not among the addresses of the ping nodes; add it there, or name one \
of them
21: ping.switchover: this is a text ("on"); make it true or false, without quotes
24: timing.keepalive: 1000 has no unit; write "1000s" or "1000ms"
25: timing.warntime: "5" has no unit; write "5s" or "5ms"
26: timing.deadtime: "fortnights" is no unit of time; the units are us, ms, s, m, h
27: timing.initdead: "2h" is out of range; use 1ms to 1h
30: authority.lease: "witness" names no lease store; write it as in "witness://10.2.0.5:7411"
31: authority.lease_ttl: 20 has no unit; write "20s" or "20ms"
34: groups[0].id: 0 is out of range; use a number from 1 to 255
35: groups[0].preferred: "gamma" is no node of this cluster; choose from "server1", "bad name"
36: groups[0].auto_failback: this is a text ("no"); make it true or false, without quotes
38: groups[0].resources[0].type: there is no resource type "filesystem" in this version; choose \
from "vip", "cloud-disk"
39: groups[0].resources[1].provider: "onprm" is not known here; did you mean "onprem"?
39: groups[0].resources[1].address: "10.1.1.111" has no prefix length; add that of the network it \
is in, as in "10.1.1.111/24"
39: groups[0].resources[1].interface: "" is no interface name; write one, as in "eth0"
40: groups[0].resources[2].address: 10.1.1.255/24 cannot be the address of a machine; choose another
40: groups[0].resources[2].interface: this is missing; add it: a text in quotes, as in "eth0"
41: groups[0].resources[3].type: this is missing; add it: a text in quotes, as in "eth0"
45: agent.control_group: "hafw:admins" is no name of a group; write one that `getent group` lists
46: agent.group: there is no such key here; remove it, or write "control_group"
48: groups[1].preferred: this is missing; add it: a text in quotes, as in "eth0"
48: groups[1].resources: the group has no resources; list at least one, as in { type = "vip", \
address = "10.1.1.111/24", interface = "eth0" }
50: groups[1].prefered: there is no such key here; did you mean "preferred"?
52: panel: there is no such key here; choose from "agent", "authority", "cluster", "groups", \
"links", "nodes", "ping", "timing"
"""


def test_a_file_with_every_field_wrong_lists_every_error_with_its_line_and_remedy() -> None:
    assert errors(EVERYTHING_WRONG) == EXPECTED.splitlines()


def test_a_file_with_nothing_in_it_lists_what_is_missing() -> None:
    keys = [error.split(": ")[1] for error in errors("")]

    assert keys == ["cluster.name", "cluster.id", "nodes", "links", "groups"]
