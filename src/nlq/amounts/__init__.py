"""Numbers, money, ordinals and durations: readers that can be used alone."""
