"""What is measured and told about the platform's own work: metrics, lines of the log, traces.

It judges nothing (:mod:`integrations_platform.alerts` does) and keeps nothing: what is counted is in the state.
"""
