"""Questions in plain words: the languages of organizations, what was understood, what its answer carries."""
