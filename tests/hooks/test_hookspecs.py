"""The contract with plugins: every hook says what it is for, what it gets and what it gives."""

from __future__ import annotations

import inspect
import typing
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final

import pytest

from hafw.hooks import errors, hookspecs, resources
from hafw.hooks.errors import ProviderError, Retryable, UnknownOutcome
from hafw.hooks.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS: Final = {
    name: value
    for name, value in (vars(hookspecs) | vars(resources)).items()
    if inspect.isfunction(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
}
VALUES: Final = [
    value
    for value in (vars(hookspecs) | vars(resources)).values()
    if is_dataclass(value) and isinstance(value, type)
]
REQUESTS: Final = {
    hookspecs.PolicyRequest,
    hookspecs.VipRequest,
    hookspecs.LeaseRequest,
    hookspecs.LeaseSwap,
    hookspecs.FenceRequest,
    hookspecs.NoticeRequest,
    hookspecs.PrecheckRequest,
    hookspecs.ProbeRequest,
    resources.ResourceRequest,
}
ERRORS: Final = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, ProviderError)
]

HOOKS = pytest.mark.parametrize("name", SPECS)


def test_there_are_hooks_and_the_manager_knows_exactly_these() -> None:
    known = {name for name in vars(Registry().manager.hook) if not name.startswith("_")}

    assert known == set(SPECS)
    assert len(SPECS) >= 7


@HOOKS
def test_a_hook_is_named_for_its_noun_and_verb(name: str) -> None:
    words = name.split("_")

    assert words[0] == "hafw"
    assert len(words) == 3 or name in {"hafw_warm", "hafw_precheck"}


@HOOKS
def test_a_hook_says_what_it_is_for_in_a_sentence(name: str) -> None:
    told = inspect.getdoc(SPECS[name]) or ""
    first = told.partition("\n")[0]

    assert first.endswith(".")
    assert first[0].isupper()
    assert len(first.split()) >= 6


@HOOKS
def test_a_hook_gets_one_typed_request_and_gives_one_typed_answer(name: str) -> None:
    specification: Callable[..., object] = SPECS[name]
    types = typing.get_type_hints(specification)
    answer = types.pop("return")

    assert list(types) in (["request"], ["requests"])
    assert REQUESTS & {*types.values(), *typing.get_args(types.get("requests"))}
    assert name.endswith(("_warm", "_rouse")) or type(None) in typing.get_args(answer)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_the_values_of_hooks_cannot_be_changed_and_are_explained(value: type) -> None:
    parameters = value.__dataclass_params__  # type: ignore[attr-defined]
    told = inspect.getdoc(value) or ""

    assert parameters.frozen
    assert not told.startswith(f"{value.__name__}(")
    assert fields(value)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_says_what_is_known_of_the_effect(error: type[ProviderError]) -> None:
    assert (inspect.getdoc(error) or "").endswith(".")
    assert issubclass(error, ProviderError)


def test_only_one_error_leaves_the_effect_open() -> None:
    assert UnknownOutcome in ERRORS
    assert [error for error in ERRORS if issubclass(error, UnknownOutcome)] == [UnknownOutcome]


def test_an_error_that_may_pass_says_when_to_try_again() -> None:
    problem = Retryable("throttled", 2.5)

    assert (str(problem), problem.after_s) == ("throttled", 2.5)
