"""Windows on a scene."""
