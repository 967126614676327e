"""The PFA API, generated from protos/."""
