"""The parts of the proof, a module for each or for a few that share machinery; :mod:`..catalogue` lists them."""
