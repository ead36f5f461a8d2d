"""What the engine and the operator get of the file: settings, explanation, written file."""

from __future__ import annotations

import pytest

from hafw.config import to_settings
from hafw.config.explain import assumptions, explain, forgiven
from hafw.config.render import render
from hafw.core.duties import protection
from hafw.core.settings import MS, REFLECT_MIN_ANSWERED, Classes
from tests.config.samples import GOOD, changed, read

BEST_EFFORT = changed("port = 7410", 'port = 7410\nprotection = "best-effort"')
WITHOUT_REFLECTION = changed('reflect = "10.1.1.1"\n', "")


def test_the_engine_sees_the_file_from_its_own_node() -> None:
    alpha, beta = to_settings(read(), "alpha"), to_settings(read(), "beta")

    assert (alpha.node, beta.node) == (0, 1)
    assert alpha.names == beta.names == ("alpha", "beta")
    assert alpha.config_hash == beta.config_hash
    assert (alpha.links, alpha.pings, alpha.reflect) == (2, 1, True)
    assert alpha.timing.deadtime_ns == 10_000 * MS


def test_a_machine_that_is_not_in_the_file_gets_no_settings() -> None:
    with pytest.raises(LookupError, match="gamma"):
        to_settings(read(), "gamma")


@pytest.mark.parametrize(
    ("text", "classes", "name"),
    [
        (GOOD, Classes.REFLECTED, "reflected"),
        (BEST_EFFORT, Classes.REFLECTED | Classes.BEST_EFFORT, "reflected|best-effort"),
        (WITHOUT_REFLECTION, Classes.NONE, "none"),
        (
            changed("port = 7410", 'protection = "best-effort"', WITHOUT_REFLECTION),
            Classes.BEST_EFFORT,
            "best-effort",
        ),
    ],
)
def test_the_file_decides_which_certificates_a_group_may_use(
    text: str, classes: Classes, name: str
) -> None:
    assert to_settings(read(text), "alpha").group(3).classes == classes
    assert protection(classes) == name


@pytest.mark.parametrize("text", [GOOD, BEST_EFFORT, WITHOUT_REFLECTION])
def test_one_more_loss_than_is_forgiven_could_shut_an_address(text: str) -> None:
    settings = to_settings(read(text), "alpha")
    needed = REFLECT_MIN_ANSWERED if settings.reflect else 1

    keep_open = forgiven(settings).keep_open

    def last_answer_ns(lost: int) -> int:
        return (lost + needed) * settings.beat_ns + settings.max_delay_ns

    assert last_answer_ns(keep_open) <= settings.hold_ns < last_answer_ns(keep_open + 1)


def test_one_more_loss_than_is_forgiven_could_move_a_group() -> None:
    settings = to_settings(read(), "alpha")

    stay = forgiven(settings).stay

    def next_heard_ns(lost: int) -> int:
        return (lost + 1) * settings.timing.keepalive_ns + settings.max_delay_ns

    assert next_heard_ns(stay) <= settings.timing.deadtime_ns < next_heard_ns(stay + 1)


def test_the_explanation_says_the_figures_and_the_protection_in_words() -> None:
    text = explain(read())
    beats = forgiven(to_settings(read(), "alpha"))

    assert "store, active-passive: alpha and beta, 2 links, 1 ping node" in text
    assert "H = 4.55 s; frozen, after 9.1 s" in text
    assert (
        f"{beats.keep_open} lost beats in a row shut no address, {beats.stay} move no group" in text
    )
    assert "group 3 (10.1.1.111) prefers alpha and does not return by itself" in text
    assert "protection: reflected" in text
    assert "reflected, the taker: armed with the holder's grant" in text


@pytest.mark.parametrize(
    ("classes", "assumed"),
    [
        (Classes.NONE, []),
        (Classes.FENCED, ["says the truth"]),
        (Classes.LEASED, ["forgets none", "paused, unseen", "1% too fast"]),
        (Classes.REFLECTED, ["one single box", "2 reflected heartbeats", "1% too fast"]),
        (Classes.BEST_EFFORT, ["hears the other answer", "1% too fast"]),
        (Classes.REFLECTED | Classes.BEST_EFFORT, ["one single box", "hears the other answer"]),
    ],
)
def test_a_protection_says_what_it_assumes(classes: Classes, assumed: list[str]) -> None:
    settings = to_settings(read(), "alpha")

    said = "\n".join(assumptions(classes, settings))

    assert all(words in said for words in assumed)
    assert bool(said) is bool(assumed)


def test_the_assumptions_of_a_group_are_said_with_their_figures() -> None:
    text = explain(read())

    assert "assumed: the nodes' clocks are less than 1% too fast or too slow" in text
    assert "a heartbeat takes less than 500 ms" in text
    assert "shuts the addresses of a frozen or dead agent within 9.1 s" in text


def test_a_group_that_nothing_protects_names_the_command_of_last_resort() -> None:
    text = explain(read(WITHOUT_REFLECTION))

    assert "protection: none" in text
    assert "hafw takeover --force --peer-is-off NAME --reason TEXT" in text


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        BEST_EFFORT,
        WITHOUT_REFLECTION,
        changed("10.1.1.111/24", "fd00:1::111/64"),
        changed('interface = "eth0" },\n]', 'interface = { alpha = "a0", beta = "b0" } },\n]'),
        changed('reflect = "10.1.1.1"', 'reflect = "10.1.1.1"\nswitchover = false'),
        changed('keepalive = "1s"', 'keepalive = "1.5s"'),
        GOOD.replace("alpha", '"alpha.example.net"').replace('""', '"'),
        GOOD + '[agent]\ncontrol_group = "domain admins"\n',
    ],
)
def test_a_written_file_reads_back_the_same(text: str) -> None:
    cluster = read(text)

    assert read(render(cluster)) == cluster
