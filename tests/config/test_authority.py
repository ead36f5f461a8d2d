"""The lease store of a cluster file: read strictly, and never with times that cannot be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafw.config.engine import classes_of, to_settings
from hafw.core.settings import (
    MS,
    RENEW_MIN_NS,
    SECOND,
    TICK_MAX_NS,
    Classes,
    Settings,
    Timing,
    shortest_lease_ns,
)
from tests.config.samples import GOOD, changed, errors, read, warnings

WITNESS = '[authority]\nlease = "witness://10.2.0.5:7411"\n'
FENCE = '[nodes.beta.fence]\nmethod = "manual"\ndirectory = "/run/hafw"\n'


def with_authority(lines: str) -> str:
    return changed("[[groups]]", f"[authority]\n{lines}\n\n[[groups]]")


def test_a_lease_binds_every_group_for_twenty_seconds_unless_told_otherwise() -> None:
    usual = read(with_authority('lease = "witness://10.2.0.5:7411"'))
    told = read(with_authority('lease = "etcd://10.2.0.5:2379"\nlease_ttl = "8s"'))

    assert usual.authority is not None
    assert (usual.authority.store, usual.authority.lease_ttl_ns) == ("witness", 20 * SECOND)
    assert to_settings(told, "beta").lease_ttl_ns == 8 * SECOND
    assert classes_of(told, told.groups[0]) == Classes.LEASED | Classes.REFLECTED


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('lease = "witness"', '"witness" names no lease store'),
        ('lease = "witness://"', '"witness://" says no place'),
        ('lease_ttl = "20s"', "there is no lease; add lease"),
        ('lease = "etcd://a:1"\nlease_ttl = "5s"', "5s leaves no time to renew a lease"),
        ('lease = "etcd://a:1"\nlease_tll = "20s"', 'did you mean "lease_ttl"?'),
        ("fence_delay = 5", '5 has no unit; write "5s"'),
    ],
)
def test_what_cannot_be_meant_is_refused(lines: str, complaint: str) -> None:
    assert complaint in "\n".join(errors(with_authority(lines)))


def test_a_store_of_somebody_else_is_taken_for_a_plugin() -> None:
    (told,) = warnings(with_authority('lease = "witnes://10.2.0.5"'))

    assert '"witnes" is no lease store of hafw itself' in told
    assert 'did you mean "witness"?' in told


def test_the_shortest_lease_that_is_proposed_is_accepted() -> None:
    (refused,) = errors(with_authority('lease = "etcd://a:1"\nlease_ttl = "1s"'))
    shortest = refused.partition("use at least ")[2].partition(",")[0]

    assert errors(with_authority(f'lease = "etcd://a:1"\nlease_ttl = "{shortest}"')) == []


@given(
    st.integers(30 * MS, 3_600 * SECOND),
    st.integers(0, 60 * SECOND),
    st.booleans(),
    st.sampled_from([0, 4 * MS, TICK_MAX_NS]),
)
def test_a_lease_that_is_long_enough_can_be_renewed_in_time_on_any_kernel(
    deadtime_ns: int,
    more_ns: int,
    gate_absolute: bool,  # noqa: FBT001 - drawn
    tick_ns: int,
) -> None:
    timing = Timing(keepalive_ns=deadtime_ns // 10, deadtime_ns=deadtime_ns)

    settings = Settings(
        cluster_id=b"",
        node=0,
        names=("alpha", "beta"),
        links=1,
        pings=0,
        reflect=False,
        groups=(),
        config_hash=b"",
        timing=timing,
        lease_ttl_ns=shortest_lease_ns(timing) + more_ns,
        gate_absolute=gate_absolute,
        tick_ns=tick_ns,
    )

    assert settings.renew_ns >= RENEW_MIN_NS


@pytest.mark.parametrize("lacking", ["", WITNESS, FENCE])
def test_what_demands_both_is_refused_where_one_is_missing(lacking: str) -> None:
    text = changed('name = "store"', 'name = "store"\nprotection = "fenced+leased"')
    text = changed("[[groups]]", f"{lacking}\n[[groups]]", text)

    assert "this needs fences that confirm and a lease store" in "\n".join(errors(text))


def test_what_demands_both_rests_on_nothing_else() -> None:
    text = changed('name = "store"', 'name = "store"\nprotection = "fenced+leased"')
    cluster = read(changed("[[groups]]", f"{WITNESS}{FENCE}\n[[groups]]", text))

    settings = to_settings(cluster, "alpha")

    assert settings.groups[0].both
    assert settings.groups[0].classes == Classes.FENCED | Classes.LEASED
    assert not settings.reflect


def test_a_fence_that_confirms_nothing_gives_no_protection() -> None:
    courtesy = '[nodes.beta.fence]\nmethod = "ssh"\naddress = "10.1.1.101"\n'
    courtesy += 'identity_file = "/etc/hafw/ssh"\n'
    cluster = read(changed("[[groups]]", f"{courtesy}\n[[groups]]"))

    assert Classes.FENCED not in classes_of(cluster, cluster.groups[0])


def test_the_good_sample_names_no_store() -> None:
    assert read(GOOD).authority is None
