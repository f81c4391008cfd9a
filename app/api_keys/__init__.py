"""API keys: who may call, for which store, in which mode, with which scopes."""
