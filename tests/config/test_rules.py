"""What the file may say: each rule, with the message that the operator reads."""

from __future__ import annotations

import pytest

from tests.config.samples import GOOD, changed, errors, warnings

LINK_2 = """
[[links]]
alpha = { interface = "eth1", address = "10.2.2.100" }
beta  = { interface = "eth1", address = "10.2.2.101" }
"""
GROUP_4 = """
[[groups]]
id = 4
preferred = "beta"
resources = [{ type = "vip", address = "10.1.1.112/24", interface = "eth0" }]
"""


def test_the_sample_is_right() -> None:
    assert errors(GOOD) == []
    assert warnings(GOOD) == []


# --- timing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "old", "new", "complaint"),
    [
        ("warntime", "5s", "1s", "is not longer than keepalive"),
        ("deadtime", "10s", "5s", "is not longer than warntime"),
        ("deadtime", "10s", "2999ms", "is shorter than 3 keepalives"),
        ("deadtime", "10s", "29ms", "is out of range; use 30ms to 1h"),
        ("initdead", "30s", "9s", "is shorter than deadtime"),
        ("keepalive", "1s", "0s", "is out of range"),
        ("keepalive", "1s", "500us", "is out of range"),
    ],
)
def test_times_that_cannot_work_are_refused(key: str, old: str, new: str, complaint: str) -> None:
    found = errors(changed(f'{key} = "{old}"', f'{key} = "{new}"'))

    assert any(f"timing.{key}: " in error and complaint in error for error in found)


def test_a_deadtime_of_few_keepalives_is_a_warning() -> None:
    text = changed('warntime = "5s"', 'warntime = "2s"')
    text = changed('deadtime = "10s"', 'deadtime = "3s"', text)

    assert "shorter than 4 keepalives" in warnings(text)[0]


def test_an_initdead_of_less_than_two_deadtimes_is_a_warning() -> None:
    found = warnings(changed('initdead = "30s"', 'initdead = "19s"'))

    assert "27: timing.initdead: 19s is shorter than 2 deadtimes" in found[0]
    assert found[0].endswith("use at least 20s")


def fast(keepalive: str, deadtime: str, text: str = GOOD) -> str:
    for key, old, new in (
        ("keepalive", "1s", keepalive),
        ("warntime", "5s", "25ms"),
        ("deadtime", "10s", deadtime),
        ("initdead", "30s", "1s"),
    ):
        text = changed(f'{key} = "{old}"', f'{key} = "{new}"', text)
    return text


def test_fast_times_that_are_in_proportion_are_no_warning() -> None:
    assert warnings(fast("10ms", "50ms")) == []


PINGS = 'addresses = ["10.1.1.1"]\nreflect = "10.1.1.1"'
WITHOUT_PING = changed(
    "port = 7410", 'protection = "best-effort"', changed(PINGS, "addresses = []")
)


def test_a_right_to_hold_that_ends_before_the_next_beat_is_a_warning_with_its_remedies() -> None:
    found = warnings(fast("20ms", "60ms", WITHOUT_PING))[-1]

    assert found == (
        "25: timing.deadtime: without a ping node, 60ms lets an owner hold for 18ms until its beat "
        "is answered, and the next one comes after 20ms: it may shut its addresses in between; "
        "name a ping node (ping.addresses), use a keepalive of at most 18ms, or a longer deadtime"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (fast("18ms", "60ms", WITHOUT_PING), "the keepalive of the remedy"),
        (fast("20ms", "80ms", WITHOUT_PING), "a longer deadtime"),
        (fast("20ms", "60ms"), "a ping node, which is asked more often"),
        (fast("20ms", "60ms", changed(PINGS, "addresses = []")), "no clock ends the right"),
    ],
)
def test_a_right_to_hold_that_lasts_to_the_next_answer_is_no_warning(text: str, why: str) -> None:
    assert not [each for each in warnings(text) if "lets an owner hold" in each], why


# --- nodes and links -------------------------------------------------------------------------


def test_a_third_node_is_refused() -> None:
    assert (
        "names 3 (alpha, beta, gamma)"
        in errors(changed("[nodes.beta]", "[nodes.beta]\n[nodes.gamma]"))[0]
    )


def test_two_nodes_whose_names_differ_in_case_only_are_refused() -> None:
    found = errors(GOOD.replace("beta", "ALPHA"))

    assert "nodes.ALPHA: both nodes have this name" in found[0]


def test_no_heartbeat_link_is_an_error() -> None:
    text = changed(LINK_2, "")
    text = changed(LINK_2.replace("eth1", "eth0").replace("10.2.2", "10.1.1"), "", text)

    assert "links: there is no heartbeat link" in errors(text)[0]


def test_one_heartbeat_link_is_a_warning() -> None:
    assert "there is only one heartbeat link" in warnings(changed(LINK_2, ""))[0]


def test_two_links_on_one_interface_are_a_warning() -> None:
    text = changed('"eth1", address = "10.2.2.100"', '"eth0", address = "10.2.2.100"')

    assert "links[1]: this link shares the interface eth0 with another" in warnings(text)[0]


def test_two_links_on_one_network_are_a_warning() -> None:
    text = changed("10.2.2.100", "10.1.1.200")
    text = changed("10.2.2.101", "10.1.1.201", text)

    assert "links[1]: this link shares the network 10.1.1.0/24" in warnings(text)[0]


def test_a_link_between_two_families_is_refused() -> None:
    assert "are of two families" in errors(changed("10.2.2.101", "fd00:2::101"))[0]


def test_a_link_names_both_nodes_and_nobody_else() -> None:
    found = errors(changed('beta  = { interface = "eth1"', 'betta = { interface = "eth1"'))

    assert "links[1].beta: this is missing" in found[0]
    assert 'links[1].betta: there is no such key here; did you mean "beta"?' in found[1]


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("10.1.1.111/24", "10.1.1.100/24", "10.1.1.100 is an address of alpha already"),
        ("10.1.1.111/24", "10.1.1.1/24", "10.1.1.1 is a ping node already"),
        ('["10.1.1.1"]', '["10.1.1.1", "10.1.1.101"]', "10.1.1.101 is an address of beta already"),
        ("10.2.2.101", "10.2.2.100", "10.2.2.100 is an address of alpha already"),
    ],
)
def test_an_address_belongs_to_one(old: str, new: str, complaint: str) -> None:
    assert complaint in errors(changed(old, new))[0]


@pytest.mark.parametrize(
    "address",
    ["10.1.1.0/24", "10.1.1.255/24", "224.0.0.1/24", "127.0.0.1/8", "ff02::1/64", "::/64"],
)
def test_a_vip_is_the_address_of_a_machine(address: str) -> None:
    assert "cannot be the address of a machine" in errors(changed("10.1.1.111/24", address))[0]


@pytest.mark.parametrize("address", ["10.1.1.0/31", "10.1.1.111/32", "fd00:1::/64"])
def test_a_network_without_broadcast_may_use_its_first_address(address: str) -> None:
    assert errors(changed("10.1.1.111/24", address)) == []


def test_the_ping_node_that_reflects_is_one_of_the_ping_nodes() -> None:
    found = errors(changed('reflect = "10.1.1.1"', 'reflect = "10.1.1.2"'))

    assert "ping.reflect: 10.1.1.2 is not among the addresses" in found[0]


def test_no_ping_node_is_a_warning() -> None:
    text = changed('addresses = ["10.1.1.1"]\nreflect = "10.1.1.1"', "addresses = []")

    assert "ping.addresses: there is no ping node" in warnings(text)[0]


def test_a_file_that_proves_nothing_is_a_warning() -> None:
    text = changed('reflect = "10.1.1.1"\n', "")

    assert "cluster.protection: nothing proves the death of a node" in warnings(text)[0]


def test_best_effort_is_a_word_of_the_operator_and_no_warning() -> None:
    text = changed('reflect = "10.1.1.1"\n', "")
    text = changed("port = 7410", 'protection = "best-effort"', text)

    assert warnings(text) == []


# --- groups ----------------------------------------------------------------------------------


def test_two_groups_with_one_id_are_refused_at_the_second() -> None:
    text = GOOD + GROUP_4.replace("id = 4", "id = 3").replace("beta", "alpha")

    assert errors(text) == [
        "38: groups[1].id: another group has the id 3; use another number from 1 to 255"
    ]


def test_two_groups_with_one_vip_are_refused_at_the_second() -> None:
    text = GOOD + GROUP_4.replace("10.1.1.112", "10.1.1.111").replace("beta", "alpha")

    assert "groups[1].resources[0].address: 10.1.1.111 is a VIP already" in errors(text)[0]


def test_more_groups_than_a_beat_can_carry_are_refused() -> None:
    more = "".join(
        GROUP_4.replace("id = 4", f"id = {100 + n}")
        .replace("beta", "alpha")
        .replace("10.1.1.112", f"10.1.2.{n + 1}")
        for n in range(20)
    )

    assert errors(GOOD + more) == ["29: groups: there are 21 of these; keep at most 20"]


def test_active_passive_with_groups_that_prefer_different_nodes_is_refused() -> None:
    assert "active-passive, but the groups prefer different nodes" in errors(GOOD + GROUP_4)[0]


def test_active_active_wants_a_group_for_each_node() -> None:
    text = changed("active-passive", "active-active")

    assert "active-active, but all groups prefer one node" in errors(text)[0]
    assert errors(text + GROUP_4) == []


def test_true_is_no_number() -> None:
    assert "groups[0].id: this is a truth value (true)" in errors(changed("id = 3", "id = true"))[0]
