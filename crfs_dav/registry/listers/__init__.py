"""How registries tell what repositories they hold: one small class for each way, chosen by host."""
