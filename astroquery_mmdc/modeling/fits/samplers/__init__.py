"""Posteriors by nested sampling, importance sampling or a Markov chain, with checkpoints."""
