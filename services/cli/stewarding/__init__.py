"""The commands of stewards, below `plexus identity`: work off reviews."""
