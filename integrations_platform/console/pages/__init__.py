"""The pages, one module each: ``ROUTES``, and ``NAV`` (label, path) where it has a place in the bar.

A module's functions take an ``Ask`` and answer with one of the templates of their name. They are wrapped by ``look``
or, where something is done, by ``act`` and a route that takes POST only.
"""
