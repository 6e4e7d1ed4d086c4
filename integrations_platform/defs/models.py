"""Four assets per declared model, by day: a version trained, the champion, what serves it, and the scores of a day.

A blocking check stands between a version and the alias; promotion asks the same gate again, so that no selection of
assets gets around it. How training, gate, manifest and protocol work is in :mod:`integrations_platform.models`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from integrations_platform.defs.chosen import chosen
from integrations_platform.defs.lake import dataset_spec, lake_key
from integrations_platform.defs.lake_reporting import check_specs
from integrations_platform.defs.model_step import ModelStep
from integrations_platform.defs.syncs import accepted_owner
from integrations_platform.jobs import Catalogue
from integrations_platform.settings_lake import ModelOutput
from integrations_platform.settings_models import ModelSettings

GROUP = "models"
GOOD_ENOUGH = "good_enough"


def model_assets(catalogue: Catalogue) -> list[dg.AssetsDefinition]:
    """The assets of all declared models."""
    return [asset for model in catalogue.settings.models.models.values() for asset in _assets(catalogue, model)]


def model_key(model: str, part: str) -> dg.AssetKey:
    """``part``: trained, champion, serving or scores."""
    return dg.AssetKey(["models", model, part])


def _assets(catalogue: Catalogue, model: ModelSettings) -> Iterator[dg.AssetsDefinition]:
    ends = None if model.ends is None else (model.ends + timedelta(days=1)).isoformat()
    days = dg.DailyPartitionsDefinition(start_date=model.starts.isoformat(), end_date=ends)
    owner = accepted_owner(model.owner)
    features = dg.AssetKey(["lake", model.features])
    trained, champion, serving, scores = (
        model_key(model.name, part) for part in ("trained", "champion", "serving", "scores")
    )
    bounds = " and ".join(f"{metric} ≤ {bound:g}" for metric, bound in sorted(model.gate.items()))

    def spec(key: dg.AssetKey, what: str, kinds: set[str], deps: list[Any], **more: Any) -> dg.AssetSpec:
        text = f"{model.description}\n\n{what}".strip()
        owners = [owner] if owner else []
        return dg.AssetSpec(key, deps=deps, description=text, group_name=GROUP, kinds=kinds, owners=owners, **more)

    @dg.multi_asset(
        name=f"models_{model.name}_trained",
        specs=[
            spec(trained, f"A version in MLflow, learned from {model.history_days} days of {model.features}.",
                 {"mlflow", "scikitlearn"}, [features]),
        ],
        check_specs=[
            dg.AssetCheckSpec(GOOD_ENOUGH, asset=trained, blocking=True,
                              description=f"On rows it has not learned from: {bounds}. Nothing else is promoted."),
        ],
        partitions_def=days,
        pool=f"models_{model.name}",
    )  # fmt: skip
    def train(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from ModelStep(context, catalogue, model).trained(trained, GOOD_ENOUGH)

    @dg.multi_asset(
        name=f"models_{model.name}_champion",
        specs=[spec(champion, "The version that bears the alias `champion`; never one of an earlier day.", {"mlflow"},
                    [trained])],
        partitions_def=days,
        pool=f"models_{model.name}",
    )  # fmt: skip
    def promote(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from ModelStep(context, catalogue, model).promoted(champion)

    @dg.multi_asset(
        name=f"models_{model.name}_serving",
        specs=[spec(serving, "The champion's InferenceService, applied and ready where a cluster is configured.",
                    {"kubernetes"}, [champion])],
        partitions_def=days,
        pool=f"models_{model.name}",
    )  # fmt: skip
    def serve(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from ModelStep(context, catalogue, model).served(serving)

    datasets = [
        dataset for dataset in catalogue.settings.lake.datasets.values()
        if isinstance(dataset.source, ModelOutput) and dataset.source.model == model.name
    ]  # fmt: skip

    @dg.multi_asset(
        name=f"models_{model.name}_scores",
        specs=[
            spec(scores, f"What the champion says of each row of {model.features}.", {"python"}, [features, serving]),
            *(dataset_spec(dataset, [scores]) for dataset in datasets),
        ],
        check_specs=[check for dataset in datasets for check in check_specs(dataset, lake_key(dataset.name))],
        partitions_def=days,
        can_subset=True,
    )  # fmt: skip
    def score(context: dg.AssetExecutionContext) -> Iterator[Any]:
        step = ModelStep(context, catalogue, model)
        yield from chosen(context, step.scored(scores, datasets))

    yield from (train, promote, serve, score)
