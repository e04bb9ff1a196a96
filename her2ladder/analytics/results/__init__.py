"""The rows of analysis_result: how a number becomes one, and how rows become files."""
