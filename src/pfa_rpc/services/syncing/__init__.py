"""The synchronization with PEMS as the API has it: its settings, its progress, its conflicts."""
