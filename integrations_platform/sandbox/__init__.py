"""Local stand-ins for the SaaS APIs, held to the vendors' contracts by schemas and by the vendors' own clients.

Nothing here knows the engine or the connectors: a stand-in that shared code with its client would agree with it even
where both are wrong. They listen on the loopback interface only.
"""
