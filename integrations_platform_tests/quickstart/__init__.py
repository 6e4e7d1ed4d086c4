"""The quickstart and the interface, run as a newcomer runs them: as commands, in processes of their own."""
