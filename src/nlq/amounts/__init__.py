"""Numbers, money, ordinals, durations and ranges: readers that can be used alone."""
