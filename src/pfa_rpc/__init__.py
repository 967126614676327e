"""The PFA record service: Plan / Forecast / Actual equipment records over gRPC."""
