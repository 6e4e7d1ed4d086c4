"""Scores from a served model by the open inference protocol (V2), or from the model itself where none is served.

A server's answer is input like any other: its shape, its type and the number of scores are checked before use.
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import httpx

from integrations_platform.models.faults import ModelFault, first_line
from integrations_platform.service_faults import FaultKind

ROWS_A_CALL = 1000
TRIES = 4
_ANSWER_SECONDS = 60.0
_NUMBERS = {"FP64", "FP32"}


def scored(rows: Any, predict: Callable[[Any], Any]) -> list[float | None]:
    """A score per row of a matrix; a row with a missing input has none: no model has learned from such rows, and the
    protocol has no word for a missing number."""
    whole = [bool(each) for each in ~(rows != rows).any(axis=1)]
    scores = iter(predict(rows[whole]) if any(whole) else ())
    return [float(next(scores)) if each else None for each in whole]


class Endpoint:
    """A server of the V2 protocol at ``url`` and its model ``name``. ``token`` is sent as a bearer token if given."""

    def __init__(self, url: str, name: str, token: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self._url, self._name, self._sleep = url.rstrip("/"), name, sleep
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(headers=headers, timeout=_ANSWER_SECONDS)

    def ready(self) -> bool:
        """Whether the model answers."""
        try:
            return self._http.get(f"{self._url}/v2/models/{self._name}/ready").status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def predict(self, rows: Any) -> list[float]:
        """One score per row of a matrix of finite floats, in order. Raises ModelFault."""
        scores: list[float] = []
        for start in range(0, len(rows), ROWS_A_CALL):
            scores += self._batch(rows[start : start + ROWS_A_CALL])
        return scores

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    def _batch(self, rows: Any) -> list[float]:
        height, width = rows.shape
        tensor = {"name": "input-0", "shape": [height, width], "datatype": "FP64",
                  "data": [float(value) for row in rows for value in row]}  # fmt: skip
        body = {"id": f"{self._name}-{height}", "inputs": [tensor]}  # KServe's own server refuses a request without id
        for attempt in range(1, TRIES):
            try:
                return self._asked(body, height)
            except ModelFault as fault:
                if fault.kind is not FaultKind.TRANSIENT:
                    raise
                self._sleep(2.0**attempt / 2)
        return self._asked(body, height)

    def _asked(self, body: dict[str, Any], height: int) -> list[float]:
        address = f"{self._url}/v2/models/{self._name}/infer"
        try:
            answer = self._http.post(address, json=body)
            data = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            what = f"the model server at {self._url} gives no answer ({type(fault).__name__})"
            raise ModelFault(FaultKind.TRANSIENT, what) from None
        except ValueError:
            raise ModelFault(FaultKind.TRANSIENT, f"the model server at {self._url} answers with no JSON") from None
        if answer.status_code != 200:
            passing = answer.status_code >= 500 or answer.status_code == 429
            said = first_line(str(data.get("error", data)) if isinstance(data, dict) else str(data))
            kind = FaultKind.TRANSIENT if passing else FaultKind.PERMANENT
            raise ModelFault(kind, f"model {self._name} at {self._url}: status {answer.status_code}: {said}")
        return self._scores(data, height)

    def _scores(self, data: Any, height: int) -> list[float]:
        outputs = data.get("outputs") if isinstance(data, dict) else None
        if not isinstance(outputs, list) or len(outputs) != 1 or not isinstance(outputs[0], dict):
            raise self._odd("is not one output")
        output = outputs[0]
        values = output.get("data")
        if output.get("datatype") not in _NUMBERS or not isinstance(values, list):
            raise self._odd(f"is of type {str(output.get('datatype'))[:40]}, not FP64 or FP32")
        if len(values) != height:
            raise self._odd(f"has {len(values)} scores for {height} rows")
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            raise self._odd("holds what is no finite number")
        return [float(value) for value in values]

    def _odd(self, what: str) -> ModelFault:
        return ModelFault(FaultKind.PERMANENT, f"the answer of model {self._name} at {self._url} {what}")
