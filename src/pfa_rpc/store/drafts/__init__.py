"""Drafts as they are stored, and records as a draft would have them."""
