"""EC2's protocol, in both directions, as the API model inside the SDK describes it.

One rule: nothing about the form of requests and replies is written down here; a parameter that the
API does not have is refused, and one that it has in replies is named as it names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Params = dict[str, Any]
_NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer: the connection ends."""


@dataclass(frozen=True, slots=True)
class Later:
    """Come back at `at_s` and ask `then` how it goes on."""

    at_s: float
    then: Callable[[float], Answer]


Answer = Reply | Lost | Later


class ApiError(Exception):
    """The service refuses, with a code, and nothing was done."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """`code`: what clients tell errors apart by."""
        super().__init__(message)
        self.code, self.status = code, status

    def reply(self, request_id: str) -> Reply:
        """As it goes over the wire."""
        one = f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        body = f"<Response><Errors>{one}</Errors><RequestID>{request_id}</RequestID></Response>"
        return Reply(self.status, body)


@cache
def _service() -> Any:  # noqa: ANN401 - botocore has no types
    import botocore.session  # noqa: PLC0415 - it takes a while, and few need it

    return botocore.session.get_session().get_service_model("ec2")


def decode(form: str, known: Collection[str]) -> tuple[str, Params]:
    """The action of a request, and its parameters by their names in the SDK. Raises ApiError."""
    given = dict(parse_qsl(form, keep_blank_values=True))
    action = given.pop("Action", "")
    given.pop("Version", None)
    if action not in known:
        raise ApiError("InvalidAction", f"The action {action} is not valid for this web service.")
    shape = _service().operation_model(action).input_shape
    params = _structure(shape, given)
    if given:
        raise ApiError("UnknownParameter", f"The parameter {min(given)} is not recognized")
    missing = [name for name in shape.required_members if name not in params]
    if missing:
        raise ApiError("MissingParameter", f"The request must contain the parameter {missing[0]}")
    return action, params


def encode(action: str, result: Params, request_id: str) -> Reply:
    """The reply with `result`, whose keys are named as in the SDK."""
    shape = _service().operation_model(action).output_shape
    body = "<return>true</return>" if shape is None else _xml(shape, result)
    told = f"<requestId>{request_id}</requestId>"
    return Reply(200, f'<{action}Response xmlns="{_NAMESPACE}">{told}{body}</{action}Response>')


def _query_name(shape: Any, default: str) -> str:  # noqa: ANN401
    found = shape.serialization.get("queryName")
    if found:
        return str(found)
    name = str(shape.serialization.get("name", default))
    return name[0].upper() + name[1:]


def _structure(shape: Any, given: dict[str, str], prefix: str = "") -> Params:  # noqa: ANN401
    found = {}
    for member, its in shape.members.items():
        value = _value(its, given, prefix + _query_name(its, member))
        if value is not None:
            found[member] = value
    return found


def _value(shape: Any, given: dict[str, str], name: str) -> object:  # noqa: ANN401
    if shape.type_name == "structure":
        return _structure(shape, given, f"{name}.") or None
    if shape.type_name == "list":
        listed: list[object] = []
        while (one := _value(shape.member, given, f"{name}.{len(listed) + 1}")) is not None:
            listed.append(one)
        return listed or None
    text = given.pop(name, None)
    if text is None or shape.type_name == "string":
        return text
    return text == "true" if shape.type_name == "boolean" else int(text)


def _xml(shape: Any, value: Any) -> str:  # noqa: ANN401
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{shape.name} has no {unknown}"
        parts = []
        for member, its in shape.members.items():
            if member in value:
                name = its.serialization.get("name", member)
                parts.append(f"<{name}>{_xml(its, value[member])}</{name}>")
        return "".join(parts)
    if shape.type_name == "list":
        item = shape.member.serialization.get("name", "item")
        return "".join(f"<{item}>{_xml(shape.member, one)}</{item}>" for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape(str(value))
