from __future__ import annotations

import pytest

from hafw.config import canonical, config_hash
from tests.config.samples import GOOD, changed, read

REWRITTEN = """
# The same decisions, in other words and another order.
[timing]
initdead = "0.5m"
deadtime = "10000ms"

[[groups]]
preferred = "alpha"
resources = [
  { interface = { beta = "eth0", alpha = "eth0" }, address = "10.1.1.111/24", type = "vip" }
]
id = 3

[ping]
reflect = "10.1.1.1"
addresses = ["10.1.1.1"]

[nodes.alpha]
[nodes.beta]

[[links]]
beta  = { address = "10.1.1.101", interface = "eth0" }
alpha = { address = "10.1.1.100", interface = "eth0" }

[[links]]
beta  = { address = "10.2.2.101", interface = "eth1" }
alpha = { address = "10.2.2.100", interface = "eth1" }

[cluster]
id = "6F1C9A5E-0D57-4E6E-9A34-6F2F0A0C7E11"
name = "store"
"""


def test_comments_spelling_and_order_of_keys_do_not_change_the_hash() -> None:
    assert canonical(read(REWRITTEN)) == canonical(read())
    assert config_hash(read(REWRITTEN)) == config_hash(read())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"store"', '"shop"'),
        ("6f1c9a5e", "6f1c9a5f"),
        ("port = 7410", "port = 7411"),
        ('deadtime = "10s"', 'deadtime = "11s"'),
        ('reflect = "10.1.1.1"\n', ""),
        ("[nodes.alpha]\n[nodes.beta]", "[nodes.beta]\n[nodes.alpha]"),
        ("10.2.2.101", "10.2.2.102"),
        ("auto_failback = false", "auto_failback = true"),
        ("10.1.1.111/24", "10.1.1.111/25"),
        ("port = 7410", 'protection = "best-effort"'),
    ],
)
def test_every_decision_changes_the_hash(old: str, new: str) -> None:
    assert config_hash(read(changed(old, new))) != config_hash(read())


def test_warnings_do_not_change_the_hash() -> None:
    quiet = read()
    warned = read(changed('initdead = "30s"', 'initdead = "19s"'))
    timed = changed('initdead = "30s"', 'initdead = "19s"', GOOD + "# again")

    assert quiet.warnings == ()
    assert warned.warnings != ()
    assert config_hash(warned) == config_hash(read(timed))


def test_who_may_give_orders_on_one_node_is_none_of_the_others_business() -> None:
    admitting = read(GOOD + '[agent]\ncontrol_group = "hafw"\n')

    assert admitting.control_group == "hafw"
    assert config_hash(admitting) == config_hash(read())


def test_the_hash_of_the_sample_stays_what_it_was() -> None:
    """Nodes of two versions compare their hashes: a change here stops a rolling upgrade."""
    assert config_hash(read()).hex() == "6025f46e0363a60d"
