"""The control interface of a stand-in, below ``/_control``: data, clock, faults, log, violations, a person's edits.

It is no part of any vendor's contract, and :mod:`.edge` keeps web pages away from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations_platform.sandbox.faults import Fault

if TYPE_CHECKING:
    from integrations_platform.sandbox.vendor import Vendor

Action = Callable[["Vendor", Any], Any]


def control_routes(vendor: Vendor) -> list[Route]:
    """Routes below ``/_control``."""
    actions: dict[tuple[str, str], Action] = {
        ("POST", "/seed"): _seed,
        ("POST", "/reset"): _reset,
        ("GET", "/clock"): _clock,
        ("POST", "/clock"): _advance,
        ("GET", "/faults"): _faults,
        ("POST", "/faults"): _add_fault,
        ("DELETE", "/faults"): _clear_faults,
        ("GET", "/log"): _log,
        ("DELETE", "/log"): _clear_log,
        ("GET", "/violations"): _violations,
        ("POST", "/person"): lambda vendor, data: vendor.person(data),
    }
    paths = dict.fromkeys(path for _, path in actions)
    return [
        Route("/options", _options(vendor), methods=["GET"]),
        *(
            Route(path, _endpoint(vendor, {verb: action for (verb, at), action in actions.items() if at == path}),
                  methods=[verb for verb, at in actions if at == path])
            for path in paths
        ),
    ]  # fmt: skip


def _options(vendor: Vendor) -> Callable[[Request], Any]:
    """By which options the platform reaches this stand-in, at the address it was asked at."""

    async def endpoint(request: Request) -> Response:
        with vendor.lock:
            return JSONResponse(dict(vendor.options(f"http://{request.url.netloc}")))

    return endpoint


def _endpoint(vendor: Vendor, actions: dict[str, Action]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            given = await request.body()
            data = await request.json() if given else {}
            if not isinstance(data, dict):
                return JSONResponse({"error": "the body is a JSON object"}, 400)
            with vendor.lock:
                done = actions[request.method](vendor, data)
        except (KeyError, TypeError, ValueError) as fault:
            return JSONResponse({"error": f"{type(fault).__name__}: {fault}"}, 400)
        return JSONResponse(done)

    return endpoint


def _seed(vendor: Vendor, data: Any) -> Any:
    vendor.seed = int(data.get("seed", vendor.seed))
    vendor.reset()
    vendor.populate(int(data["size"]))
    return {"size": int(data["size"]), "seed": vendor.seed}


def _reset(vendor: Vendor, _data: Any) -> Any:
    vendor.reset()
    return {}


def _clock(vendor: Vendor, _data: Any) -> Any:
    return {"now": vendor.clock.now().isoformat(), "offset_seconds": vendor.clock.offset.total_seconds()}


def _advance(vendor: Vendor, data: Any) -> Any:
    vendor.clock.advance(float(data["advance_seconds"]))
    return _clock(vendor, data)


def _faults(vendor: Vendor, _data: Any) -> Any:
    return {"waiting": [fault.to_data() for fault in vendor.faults.waiting]}


def _add_fault(vendor: Vendor, data: Any) -> Any:
    vendor.faults.add(Fault.from_data(data))
    return _faults(vendor, data)


def _clear_faults(vendor: Vendor, data: Any) -> Any:
    vendor.faults.clear()
    return _faults(vendor, data)


def _log(vendor: Vendor, _data: Any) -> Any:
    return {
        "calls": [
            {
                "method": call.method,
                "path": call.path,
                "query": call.query.multi_items(),
                "operation": call.operation,
                "status": call.status,
                "body": call.body.decode("utf-8", "replace"),
                "at": call.at.isoformat(),
            }
            for call in list(vendor.calls)
        ]
    }


def _clear_log(vendor: Vendor, data: Any) -> Any:
    vendor.calls.clear()
    return _log(vendor, data)


def _violations(vendor: Vendor, _data: Any) -> Any:
    return {"violations": [asdict(each) for each in list(vendor.violations)]}
