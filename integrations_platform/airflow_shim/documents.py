"""What is asked of Dagster's GraphQL, word for word; a test holds each document to Dagster's own schema."""

from __future__ import annotations

LAUNCH = """mutation Launch($p: ExecutionParams!) {launchRun(executionParams: $p) {__typename
  ...on LaunchRunSuccess {run {runId status tags {key value}}}
  ...on RunConfigValidationInvalid {errors {message reason}} ...on Error {message}}}"""

RESUME = """mutation Resume($p: ReexecutionParams!) {launchRunReexecution(reexecutionParams: $p) {__typename
  ...on LaunchRunSuccess {run {runId status tags {key value}}}
  ...on RunConfigValidationInvalid {errors {message reason}} ...on Error {message}}}"""

FIND = """query Find($f: RunsFilter!) {runsOrError(filter: $f, limit: 20) {__typename
  ...on Runs {results {runId status tags {key value}}} ...on Error {message}}}"""

STATUS = """query Status($id: ID!) {runOrError(runId: $id) {__typename
  ...on Run {runId status tags {key value}} ...on Error {message}}}"""

RESULT = """query Result($id: ID!) {runOrError(runId: $id) {__typename ...on Run {assetMaterializations {
  partition assetKey {path} metadataEntries {label ...on IntMetadataEntry {intRepr}
  ...on FloatMetadataEntry {floatValue} ...on TextMetadataEntry {text} ...on BoolMetadataEntry {boolValue}
  ...on UrlMetadataEntry {url}}}} ...on Error {message}}}"""

WHY = """query Why($id: ID!, $after: String) {runOrError(runId: $id) {__typename ...on Run {
  eventConnection(afterCursor: $after, limit: 500) {cursor hasMore events {__typename
  ...on ExecutionStepFailureEvent {stepKey error {message errorChain {error {message}}}
    failureMetadata {description}}
  ...on RunFailureEvent {message error {message}} ...on RunCanceledEvent {message}}}} ...on Error {message}}}"""

STOP = """mutation Stop($id: String!) {terminateRun(runId: $id, terminatePolicy: SAFE_TERMINATE) {__typename
  ...on TerminateRunFailure {message} ...on Error {message}}}"""

WHERE = """query Where {repositoriesOrError {__typename
  ...on RepositoryConnection {nodes {name location {name} jobs {name}}} ...on Error {message}}}"""

DAEMONS = """query Daemons {instance {daemonHealth {allDaemonStatuses {daemonType required healthy}}}}"""
