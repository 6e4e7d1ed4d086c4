"""Models: trained from features of the lake, kept in MLflow, promoted by a gate, served by KServe, used to score days.

Each module owns one of these; none imports Dagster. MLflow and scikit-learn cost seconds to import and are imported by
the functions that need them.
"""
