"""Version 1 of the PFA API, generated from protos/pfa/v1/ by `make protos`."""
