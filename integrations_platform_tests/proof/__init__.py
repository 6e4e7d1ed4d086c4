"""Proofs of the sync's guarantees: the engine is simulated, and the suite itself is tried on broken engines."""
