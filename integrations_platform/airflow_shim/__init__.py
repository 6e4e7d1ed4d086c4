"""The named jobs as Airflow DAGs: each task starts one run in Dagster, follows it to its end and tells how it ended.

Needs Airflow (3.3 or 2.11) and httpx, and nothing of Dagster: it speaks to Dagster's GraphQL. The small distribution
`integrations-platform-airflow` is this folder and the few modules it uses.
"""
