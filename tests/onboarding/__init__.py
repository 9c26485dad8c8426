"""Tests of choosing a policy and of what `init` guesses."""
