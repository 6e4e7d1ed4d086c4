"""Models on a real MLflow server, a real KServe model server, and an HTTP stand-in of the Kubernetes API."""
