# syntax=docker/dockerfile:1
# One image for every part of the platform: code location, webserver, daemon, `integrations serve`, runs, Kestra's tasks.
#   docker build --tag integrations-platform:local .
FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:3.11.14-slim-bookworm AS build
COPY --from=uv /uv /usr/local/bin/uv
# Byte code now: read-only containers could not keep it, and each process would compile again.
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_DEV=1
WORKDIR /app
# What changes seldom first: the libraries, exactly as locked. Without Spark, half a gigabyte that dagster-databricks asks
# for and nothing here imports: jobs are started by Databricks' own client.
COPY pyproject.toml uv.lock README.md ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-install-project \
    --extra kubernetes --no-install-package pyspark
COPY integrations_platform integrations_platform
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-editable \
    --extra kubernetes --no-install-package pyspark

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 integrations \
    && useradd --uid 10001 --gid integrations --no-create-home --home-dir /tmp --shell /usr/sbin/nologin integrations \
    && mkdir --parents /opt/dagster/home /app/.integrations \
    && chown integrations:integrations /opt/dagster/home /app/.integrations
WORKDIR /app
COPY --from=build /app/.venv .venv
# Airbyte's connectors, where there is no server, are installed by it when they are first needed.
COPY --from=uv /uv /usr/local/bin/uv
COPY environments/*.yaml environments/
ENV PATH=/app/.venv/bin:$PATH HOME=/tmp DAGSTER_HOME=/opt/dagster/home DAGSTER_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
# No entry point: whoever starts it says which part it is.
CMD ["integrations", "--help"]
