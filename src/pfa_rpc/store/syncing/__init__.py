"""What the synchronization with PEMS keeps: its runs, its lease, its queue, how far it has come."""
