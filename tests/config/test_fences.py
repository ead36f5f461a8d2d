"""The fences of the cluster file: levels, options, and the files with secrets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from hafw.config import ConfigError, config_hash
from hafw.config.fences import METHODS, check_secrets, confirms, secret_files
from hafw.config.model import Fence
from hafw.config.render import render
from hafw.core.settings import SECOND
from tests.config.samples import changed, errors, read, warnings

if TYPE_CHECKING:
    from pathlib import Path

    from hafw.config.model import Cluster

IPMI = """
[nodes.beta.fence]
method = "ipmi"
address = "10.9.9.2"
username = "hafw"
password_file = "/etc/hafw/beta.bmc"
"""
LEVELS = """
[[nodes.beta.fence]]
method = "ipmi"
timeout = "5s"
address = "10.9.9.2"
username = "hafw"
password_file = "/etc/hafw/beta.bmc"
port = 624
[[nodes.beta.fence]]
method = "ipmi"
address = "10.9.9.3"
username = "hafw"
password_file = "/etc/hafw/pdu"
"""


DOG = '[nodes.beta.watchdog]\ndevice = "/dev/watchdog0"\n'


def fenced(tables: str) -> str:
    return changed("[nodes.beta]\n", f"[nodes.beta]\n{tables}")


def beta(text: str) -> tuple[Fence, ...]:
    cluster = read(text)
    assert cluster.fences[0] == ()
    return cluster.fences[1]


def test_one_table_is_one_level_with_the_time_that_its_method_takes() -> None:
    assert beta(fenced(IPMI)) == (
        Fence(
            "ipmi",
            (
                ("address", "10.9.9.2"),
                ("password_file", "/etc/hafw/beta.bmc"),
                ("username", "hafw"),
            ),
            20 * SECOND,
        ),
    )


def test_several_tables_are_levels_in_their_order() -> None:
    first, second = beta(fenced(LEVELS))

    assert (dict(first.options)["port"], first.timeout_ns) == (624, 5 * SECOND)
    assert dict(second.options)["address"] == "10.9.9.3"


@pytest.mark.parametrize("tables", [IPMI, LEVELS])
def test_what_is_written_is_read_back(tables: str) -> None:
    cluster = read(fenced(tables))

    assert read(render(cluster)) == cluster


def test_a_fence_is_a_decision_that_both_nodes_share() -> None:
    hashes = {config_hash(read(text)) for text in (changed("", ""), fenced(IPMI), fenced(LEVELS))}

    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('"ipmi"', '"ipmo"', '12: nodes.beta.fence.method: there is no fence method "ipmo"; did'),
        ('"ipmi"', "7", "12: nodes.beta.fence.method: this is a number (7)"),
        ("address", "adress", "11: nodes.beta.fence.address: this is missing"),
        ("address", 'timeout = "5"\naddress', '13: nodes.beta.fence.timeout: "5" has no unit'),
        (
            "address",
            'timeout = "2h"\naddress',
            '13: nodes.beta.fence.timeout: "2h" is out of range',
        ),
        ("address", "port = 0\naddress", "13: nodes.beta.fence.port: 0 is out of range"),
        ("/etc/hafw/beta.bmc", "beta.bmc", '15: nodes.beta.fence.password_file: "beta.bmc" is not'),
        (
            '"10.9.9.2"',
            '"-oProxyCommand=x"',
            '13: nodes.beta.fence.address: "-oProxyCommand=x" can',
        ),
        ("[nodes.beta.fence]", "[nodes.beta.fense]", "a node has no such table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, wrong: str) -> None:
    found = errors(fenced(IPMI.replace(old, new, 1)))

    assert any(wrong in error for error in found), found


def test_there_are_so_many_levels_at_most() -> None:
    assert "there are 6 of these; keep at most 4" in errors(fenced(LEVELS * 3))[0]


def test_a_method_of_another_package_judges_its_options_itself() -> None:
    """As every installed plugin is one, a lease store stands for it here."""
    table = '[nodes.beta.fence]\nmethod = "etcd"\nslot = 7\nname = "x"\nquick = true\n'

    (level,) = beta(fenced(table))

    assert level.options == (("name", "x"), ("quick", True), ("slot", 7))


def test_a_value_that_no_method_could_use_is_refused() -> None:
    table = '[nodes.beta.fence]\nmethod = "etcd"\nslots = [7]\n'

    assert "this is a list; make it a text" in errors(fenced(table))[0]


# --- files with secrets -------------------------------------------------------------------------


def with_secret(path: Path) -> Cluster:
    return read(fenced(IPMI.replace("/etc/hafw/beta.bmc", str(path))))


def test_a_secret_that_is_there_and_nobody_elses_is_all_right(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("secret\n")
    path.chmod(0o600)

    assert check_secrets(with_secret(path), "alpha") == []


def test_a_secret_that_is_missing_here_is_told(tmp_path: Path) -> None:
    (told,) = check_secrets(with_secret(tmp_path / "secret"), "alpha")

    assert told.startswith(f"this machine cannot switch beta off: there is no file {tmp_path}")


def test_no_node_needs_the_secret_that_switches_itself_off(tmp_path: Path) -> None:
    assert check_secrets(with_secret(tmp_path / "secret"), "Beta") == []


@pytest.mark.parametrize(
    ("content", "mode", "wrong"),
    [
        (b"secret", 0o640, "has mode 0640, so others than its owner can use it; run: chmod 600"),
        (b"\nsecret", 0o600, "the first line of"),
        (b"\xff\xfe", 0o600, "is no text"),
        (b"x" * 5000, 0o600, "is longer than 4096 bytes"),
    ],
)
def test_a_secret_that_is_none_is_refused(
    tmp_path: Path, content: bytes, mode: int, wrong: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(ConfigError, match=wrong):
        check_secrets(with_secret(path), "alpha")


# --- the methods that come with hafw ------------------------------------------------------------

TABLES = {
    "agent": """
agent = "fence_apc_snmp"
parameters.ip = "10.9.9.9"
parameters.plug = 7
parameters.snmp_auth = true
secrets.snmp_priv_passwd = "/etc/hafw/apc"
""",
    "ipmi": IPMI.partition("\n")[2].partition("\n")[2].partition("\n")[2],
    "manual": 'directory = "/run/hafw"',
    "redfish": """
address = "10.9.9.9"
username = "hafw"
password_file = "/etc/hafw/bmc"
insecure = true
""",
    "sbd": f'device = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4-part2"\n{DOG}',
    "ssh": 'address = "10.1.1.101"\nidentity_file = "/etc/hafw/id"',
    "aws": 'instance_id = "i-0fedcba9876543210"',
    "azure": """
subscription = "0b1f6471-1bf0-4dda-aec3-111122223333"
resource_group = "store"
vm = "store-b"
vm_id = "bbbbbbbb-0000-4000-8000-00000000000b"
""",
    "gcp": """
project = "my-project"
zone = "europe-west1-c"
instance = "store-b"
instance_id = "4711815162342"
""",
}


def test_every_method_has_a_sample() -> None:
    assert set(TABLES) == set(METHODS)


@pytest.mark.parametrize("method", TABLES)
def test_a_method_is_read_and_written_back(method: str) -> None:
    text = fenced(f'[nodes.beta.fence]\nmethod = "{method}"\n{TABLES[method]}\n')

    cluster = read(text)

    assert cluster.fences[1][0].method == method
    assert read(render(cluster)) == cluster


@pytest.mark.parametrize("method", TABLES)
def test_the_file_and_the_method_know_the_same_options(method: str) -> None:
    cloud = method in {"aws", "azure", "gcp"}
    plugin = import_module(f"hafw.providers.{method}.fence" if cloud else f"hafw.fences.{method}")
    tables = {prefix.rstrip(".") for prefix in getattr(plugin, "PREFIXES", ())}

    assert set(METHODS[method].options) == {*plugin.OPTIONS, *tables}


def test_the_options_of_a_table_are_named_by_their_path() -> None:
    (level,) = beta(fenced(f'[nodes.beta.fence]\nmethod = "agent"\n{TABLES["agent"]}'))

    assert dict(level.options) == {
        "agent": "fence_apc_snmp",
        "parameters.ip": "10.9.9.9",
        "parameters.plug": 7,
        "parameters.snmp_auth": True,
        "secrets.snmp_priv_passwd": "/etc/hafw/apc",
    }


def test_every_file_with_a_secret_is_known() -> None:
    tables = "".join(
        f'[[nodes.beta.fence]]\nmethod = "{method}"\n{TABLES[method]}\n'
        for method in ("agent", "ipmi", "redfish", "ssh")
    )

    found = [str(path) for _, path in secret_files(read(fenced(tables)))]

    assert found == ["/etc/hafw/apc", "/etc/hafw/beta.bmc", "/etc/hafw/bmc", "/etc/hafw/id"]


def test_a_password_does_not_belong_into_the_file() -> None:
    table = '[nodes.beta.fence]\nmethod = "agent"\nagent = "fence_apc"\nparameters.passwd = "x"\n'

    (told,) = errors(fenced(table))

    assert told == (
        "13: nodes.beta.fence.parameters.passwd: a secret does not belong into this file; write it "
        'into a file of its own: secrets.passwd = "/etc/hafw/…"'
    )


def test_a_controller_that_could_be_anybody_is_warned_of() -> None:
    table = f'[nodes.beta.fence]\nmethod = "redfish"\n{TABLES["redfish"]}\n'

    assert "redfish trusts whoever answers" in warnings(fenced(table))[0]


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("ssh", "ssh: it only asks the machine itself"),
    ],
)
def test_a_method_that_proves_nothing_is_warned_of(method: str, why: str) -> None:
    text = fenced(f'[nodes.beta.fence]\nmethod = "{method}"\n{TABLES[method]}\n')

    assert f"it never proves that beta is off ({why})" in warnings(text)[0]
    assert not confirms(read(text).fences[1])


def test_one_level_that_proves_it_is_enough() -> None:
    courtesy = f'[[nodes.beta.fence]]\nmethod = "ssh"\n{TABLES["ssh"]}\n'
    device = f'[[nodes.beta.fence]]\nmethod = "aws"\n{TABLES["aws"]}\n'

    assert confirms(beta(fenced(courtesy + device)))
