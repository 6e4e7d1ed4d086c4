# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["kserve>=0.21", "scikit-learn==1.9.1"]
# ///
"""A KServe model server with the model of a folder, and a check of manifests by KServe's own types.

Lives in an environment of its own, because KServe wants an older pandas than this project; the lock stands beside it:

    uv run --script --locked kserve_server.py --folder DIR --name arrival-delay --http_port 8080
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import kserve
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kubernetes import client as kubernetes_client


class Served(Model):
    """The fitted pipeline of MLflow's folder."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name)
        self.folder = Path(folder)

    def load(self) -> bool:
        self.pipeline = pickle.loads((self.folder / "model.pkl").read_bytes())
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers: Any = None, response_headers: Any = None) -> InferResponse:
        scores = self.pipeline.predict(payload.inputs[0].as_numpy())
        output = InferOutput("predict", list(scores.shape), "FP64", data=scores.tolist())
        return InferResponse(payload.id, self.name, [output])


class Manifests(Model):
    """Says of each instance what KServe's and Kubernetes' types do not know in it."""

    def load(self) -> bool:
        self.ready = True
        return True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> dict[str, Any]:
        return {"predictions": [faults("V1beta1InferenceService", each, "") for each in payload["instances"]]}


def faults(kind: str, value: Any, path: str) -> list[str]:
    """What of ``value`` does not fit the type ``kind``, as their clients spell types."""
    if (listed := re.fullmatch(r"list\[(.+)]", kind)) is not None:
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [fault for at, each in enumerate(value) for fault in faults(listed[1], each, f"{path}[{at}]")]
    if (mapped := re.fullmatch(r"dict\((.+), (.+)\)", kind)) is not None:
        if not isinstance(value, dict):
            return [f"{path} is no mapping"]
        return [fault for name, each in value.items() for fault in faults(mapped[2], each, f"{path}.{name}")]
    simple = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
    if kind in simple:
        return [] if isinstance(value, simple[kind]) else [f"{path} is no {kind}"]
    known = getattr(kserve, kind, None) or getattr(kserve.models, kind, None) or getattr(kubernetes_client, kind, None)
    if known is None:
        return []
    if not isinstance(value, dict):
        return [f"{path} is no {kind}"]
    names = {json: python for python, json in known.attribute_map.items()}
    found = [f"{path}.{name} is unknown to {kind}" for name in value if name not in names]
    for name in value.keys() & names.keys():
        found += faults(known.openapi_types[names[name]], value[name], f"{path}.{name}")
    return found


if __name__ == "__main__":
    model_server.parser.add_argument("--folder", required=True)
    model_server.parser.add_argument("--name", required=True)
    args, _ = model_server.parser.parse_known_args()
    models = [Served(args.name, args.folder), Manifests("manifests")]
    for each in models:
        each.load()
    ModelServer(workers=1).start(models)
