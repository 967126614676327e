"""Drafts: changes that only their owner sees until they are committed."""
