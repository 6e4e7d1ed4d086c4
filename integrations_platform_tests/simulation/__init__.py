"""A deterministic simulation of two systems, their users and their faults, around the real engine."""
