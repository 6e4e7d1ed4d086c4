"""The `models:` section: what it says, and what is wrong with it, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations_platform.settings import Settings, SettingsError, load_settings
from integrations_platform.settings_models import DEFAULT_TRACKING

FRAME = """
systems: {{}}
state: {{url: "sqlite:///./state.sqlite"}}
lake:
  url: file://./lake
  datasets:
    features: {{format: parquet, source: files, starts: 2013-01-01}}
models:
  models:
    delay: {{{model}}}
"""
WHOLE = "features: features, inputs: [a, b], target: c, gate: {mae: 2.5}, starts: 2013-01-01"


def loaded(tmp_path: Path, model: str, **environ: str) -> Settings:
    file = tmp_path / "env.yaml"
    file.write_text(FRAME.format(model=model))
    return load_settings(env_file=file, environ=environ)


def test_a_model_is_read_as_declared_and_kept_here_by_default(tmp_path: Path) -> None:
    section = loaded(tmp_path, WHOLE + ', serving: {url: "${DELAY_URL:-}", cpu: "1"}', DELAY_URL="http://x").models
    model = section.models["delay"]
    assert section.tracking.resolve() == DEFAULT_TRACKING
    assert section.kubernetes.server.resolve() == ""
    assert (model.inputs, dict(model.gate), model.history_days) == (("a", "b"), {"mae": 2.5}, 7)
    assert (model.serving.url.resolve(), model.serving.cpu, model.serving.memory) == ("http://x", "1", "1Gi")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (WHOLE.replace("gate: {mae: 2.5}", "gate: {}"), "the mapping is empty"),
        (WHOLE.replace("mae: 2.5", "mea: 2.5"), "did you mean mae?"),
        (WHOLE.replace("mae: 2.5", "mae: -1"), "out of range"),
        (WHOLE.replace("features: features", "features: feautres"), "did you mean features?"),
        (WHOLE.replace("[a, b]", "[]"), "the list is empty"),
        (WHOLE.replace("[a, b]", "[a, c]"), "holds the target"),
        (WHOLE.replace("target: c, ", ""), "target: is missing"),
        (WHOLE + ", ends: 2012-01-01", "is before `starts`"),
        (WHOLE + ", serving: {min_replicas: 3}", "is more than max_replicas"),
        (WHOLE.replace("2013-01-01", "2013-13-01"), "no day '2013-13-01'"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, model: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, model)
    assert words in str(caught.value)


def test_the_shipped_environments_have_the_model() -> None:
    for name in ("local", "staging", "production"):
        assert "arrival_delay" in load_settings(name, environ={}).models.models
