"""Stories of the webhooks: real signatures over real HTTP, and the runs they wake."""
