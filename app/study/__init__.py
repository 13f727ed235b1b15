"""The use-cases of a study, in a researcher's words. No Qt."""
