"""Synthetic cohorts and slides with planted truth: what the demo, the benchmarks and the coverage tests run on."""
