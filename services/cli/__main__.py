"""`python -m services.cli` is `plexus`: how the supervisor starts services."""

from services.cli.command import main

main()
