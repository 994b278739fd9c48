"""The live page: what the browser needs to run the zoo."""
