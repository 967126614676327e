"""From tokens to tags: the words of questions as data, and the longest match among them and the vocabulary."""
