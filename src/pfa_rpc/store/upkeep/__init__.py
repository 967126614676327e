"""What operators do with a whole database: fill it, copy it, examine and repair it, renew it after a restore."""
