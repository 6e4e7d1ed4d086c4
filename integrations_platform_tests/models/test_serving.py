"""A promoted version in a cluster, and its scores: manifest, rollout, protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from integrations_platform.models.cluster import Cluster
from integrations_platform.models.faults import ModelFault
from integrations_platform.models.inference_service import (
    Serving,
    inference_service,
    service_name,
    storage_uri,
    text_of,
)
from integrations_platform.models.scoring import Endpoint
from integrations_platform.models.training import Trained, matrix
from integrations_platform.service_faults import FaultKind
from integrations_platform_tests.models.conftest import INPUTS, LAST, NAME, features
from integrations_platform_tests.models.kubernetes_api import TOKEN, Api, kubernetes_api
from integrations_platform_tests.servers import free_port

pytestmark = pytest.mark.xdist_group("models")
SERVING = Serving("models", "reader", 1, 3, "250m", "512Mi")


def manifest(version: int = 3) -> dict[str, Any]:
    return inference_service(NAME, version, "2013-01-03", f"s3://lake/_models/{NAME}/{version}", SERVING)


# The manifest


def test_kserves_own_types_know_every_part_of_the_manifest(kserve_url: str) -> None:
    stray = manifest()
    stray["spec"]["predictor"] |= {"minReplicas": "one", "replicas": 1}
    asked = {"instances": [yaml.safe_load(text_of(manifest())), stray]}
    answer = httpx.post(f"{kserve_url}/v1/models/manifests:predict", json=asked)
    fine, found = answer.json()["predictions"]
    assert fine == []
    assert sorted(found) == [
        ".spec.predictor.minReplicas is no int", ".spec.predictor.replicas is unknown to V1beta1PredictorSpec"
    ]  # fmt: skip


def test_another_version_is_another_specification() -> None:
    assert manifest(3)["spec"] != manifest(4)["spec"]
    assert manifest(3) == manifest(3)


@pytest.mark.parametrize("name", ["Größe", "a" * 64, "x_", "1st", "a b", ""])
def test_a_name_that_kubernetes_cannot_bear_is_refused(name: str) -> None:
    with pytest.raises(ModelFault, match="makes no name in Kubernetes"):
        service_name(name)


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("s3://lake/p/_models/m/1", "s3://lake/p/_models/m/1"),
        ("file:///data/lake/_models/m/1", "file:///data/lake/_models/m/1"),
        ("abfss://box@acct.dfs.core.windows.net/p/m/1", "https://acct.blob.core.windows.net/box/p/m/1"),
    ],
)
def test_locations_are_spelled_as_the_storage_initializer_reads_them(location: str, uri: str) -> None:
    assert storage_uri(location) == uri


# The rollout


@pytest.fixture
def api() -> Iterator[Api]:
    with kubernetes_api(Api()) as served:
        yield served


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def cluster(self, url: str, token: str = TOKEN) -> Cluster:
        return Cluster(url, token, sleep=self.sleep, clock=lambda: self.now)


def test_what_is_applied_is_waited_for_until_it_is_ready(api: Api) -> None:
    cluster = Time().cluster(api.url)
    url = cluster.ready(manifest(), cluster.apply(manifest()), 600)
    assert url == "http://arrival-delay.models.example.test"
    assert api.applied == [manifest()]
    assert cluster.apply(manifest()) == 1, "the same again is no new generation"


def test_the_readiness_of_an_older_version_is_not_taken_for_that_of_the_new(api: Api) -> None:
    time = Time()
    cluster = time.cluster(api.url)
    cluster.ready(manifest(3), cluster.apply(manifest(3)), 600)
    api.looks_until_ready = 5
    before = time.now
    cluster.ready(manifest(4), cluster.apply(manifest(4)), 600)
    assert time.now - before >= 4 * 3


def test_a_rollout_that_fails_is_told_with_the_reason_of_the_cluster(api: Api) -> None:
    api.reason = "storage initializer: AccessDenied on s3://lake"
    cluster = Time().cluster(api.url)
    with pytest.raises(ModelFault, match=r"arrival-delay is not ready after 60 s: PredictorReady.*AccessDenied"):
        cluster.ready(manifest(), cluster.apply(manifest()), 60)


def test_hiccups_of_the_api_are_borne_while_waiting(api: Api) -> None:
    cluster = Time().cluster(api.url)
    generation = cluster.apply(manifest())
    api.failing = [500, 503, 429]
    assert cluster.ready(manifest(), generation, 600)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, FaultKind.CONFIGURATION, "check models.kubernetes.token"),
        (404, FaultKind.CONFIGURATION, "is KServe installed"),
        (422, FaultKind.PERMANENT, "status 422"),
        (409, FaultKind.TRANSIENT, "status 409"),
        (500, FaultKind.TRANSIENT, "status 500"),
    ],
)
def test_refusals_say_what_to_do(api: Api, status: int, kind: FaultKind, words: str) -> None:
    api.failing = [status]
    with pytest.raises(ModelFault, match=words) as caught:
        Time().cluster(api.url).apply(manifest())
    assert caught.value.kind is kind


def test_a_wrong_token_is_named_as_a_setting_and_not_shown(api: Api) -> None:
    with pytest.raises(ModelFault, match=r"models\.kubernetes\.token") as caught:
        Time().cluster(api.url, "very-secret").apply(manifest())
    assert "very-secret" not in str(caught.value)


def test_an_api_that_is_down_may_come_back() -> None:
    with pytest.raises(ModelFault, match="gives no answer") as caught:
        Time().cluster(f"http://127.0.0.1:{free_port()}").apply(manifest())
    assert caught.value.kind is FaultKind.TRANSIENT


def test_a_certificate_file_that_is_none_is_named() -> None:
    with pytest.raises(ModelFault, match=r"models\.kubernetes\.ca_file"):
        Cluster("https://127.0.0.1", "", "/nowhere/ca.crt")


# Scores


def test_a_real_kserve_server_gives_the_scores_of_the_model_itself(kserve_url: str, trained: Trained) -> None:
    rows = matrix(features(LAST, 2500), INPUTS)
    endpoint = Endpoint(kserve_url, service_name(NAME))
    assert endpoint.ready()
    assert endpoint.predict(rows) == pytest.approx(trained.pipeline.predict(rows).tolist())
    endpoint.close()


def test_a_model_the_server_does_not_have_is_told_in_its_words(kserve_url: str) -> None:
    endpoint = Endpoint(kserve_url, "another", sleep=lambda _: None)
    assert not endpoint.ready()
    with pytest.raises(ModelFault, match="Model with name another does not exist"):
        endpoint.predict(np.zeros((1, 3)))


@contextmanager
def answering(*answers: tuple[int, bytes]) -> Iterator[str]:
    """A server that gives these answers one after another, the last for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, content = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def output(**change: Any) -> bytes:
    told = {"name": "predict", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]} | change
    return json.dumps({"outputs": [told]}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "is not one output"),
        (b"[]", "is not one output"),
        (b'{"outputs": []}', "is not one output"),
        (b'{"outputs": ["x"]}', "is not one output"),
        (output(datatype="BYTES", data=["a", "b"]), "is of type BYTES"),
        (output(data=[1.0]), "has 1 scores for 2 rows"),
        (output(data=[1.0, None]), "no finite number"),
        (b'{"outputs": [{"datatype": "FP64", "data": [1.0, NaN]}]}', "no finite number"),
        (output(data=[1.0, "2"]), "no finite number"),
    ],
)
def test_an_answer_of_another_form_is_refused(content: bytes, words: str) -> None:
    with answering((200, content)) as url, pytest.raises(ModelFault, match=words):
        Endpoint(url, "m").predict(np.zeros((2, 3)))


def test_a_server_that_recovers_is_asked_again_and_one_that_does_not_is_given_up() -> None:
    with answering((503, b'{"error": "busy"}'), (500, b"<html>"), (200, output())) as url:
        assert Endpoint(url, "m", sleep=lambda _: None).predict(np.zeros((2, 3))) == [1.0, 2.0]
    with answering((503, b'{"error": "busy"}')) as url, pytest.raises(ModelFault, match="status 503: busy") as caught:
        Endpoint(url, "m", sleep=lambda _: None).predict(np.zeros((2, 3)))
    assert caught.value.kind is FaultKind.TRANSIENT
